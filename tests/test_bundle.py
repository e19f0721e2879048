"""Bundles: the same probabilities elsewhere, the same bytes again, and a refusal by name of what somebody tampered with."""

import hashlib
import io
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load, save

from tests import bundles
from tests.bundles import members, rewrite
from transfer import predict, run
from transfer.bundle import MANIFEST, read_bundle, read_card
from transfer.checkpoint import read_checkpoint
from transfer.errors import BundleError, RecipeError, UserError
from transfer.export_cli import export

trained = bundles.trained


def with_record(found, name, **changes):
    return {**found, name: json.dumps({**json.loads(found[name]), **changes}).encode()}


def test_another_process_in_another_folder_says_the_same(trained, tmp_path):
    (tmp_path / "far").mkdir()
    shutil.copy(trained / "model.bundle", tmp_path / "far" / "shipped.bundle")
    for name in ("a", "b"):
        shutil.copy(trained / f"{name}.wav", tmp_path / "far")
    command = [sys.executable, "-m", "transfer", "predict", "shipped.bundle", "a.wav", "b.wav", "--level", "slice"]
    own = dict(os.environ, TRANSFER_CACHE=str(tmp_path / "cache"))
    done = subprocess.run(command, cwd=tmp_path / "far", env=own, capture_output=True, text=True, check=True)
    there = pd.read_csv(io.StringIO(done.stdout))
    here = predict(trained / "out", [trained / "a.wav", trained / "b.wav"], level="slice").table
    columns = ["p_HC", "p_MDD"]
    assert len(there) == len(here) == 3
    assert there[columns].to_numpy() == pytest.approx(here[columns].to_numpy(), abs=1e-6)
    assert there[columns].to_numpy().std() > 0


def test_the_bundle_holds_the_model_bit_by_bit_and_no_folder(trained):
    original, shipped = read_checkpoint(trained / "out"), read_bundle(trained / "model.bundle")
    assert original.weights.keys() == shipped.weights.keys()
    assert all(torch.equal(original.weights[n], t) for n, t in shipped.weights.items())
    assert all(torch.equal(original.normalisation[n], t) for n, t in shipped.normalisation.items())
    for key in ("recipe", "front_end", "classes", "evaluation", "heard", "name", "versions"):
        assert json.loads(json.dumps(original.record[key])) == shipped.record[key]
    assert read_card(trained / "model.bundle") == (trained / "out" / "model_card.md").read_text(encoding="utf-8")
    assert json.loads(members(trained / "model.bundle")["protocol.json"])["split"]["hash"].startswith("sha256:")
    everything = b"".join(members(trained / "model.bundle").values())
    assert str(trained).encode() not in everything


def test_the_same_model_gives_the_same_bytes(trained, tmp_path):
    said = export(trained / "out", "bundle", tmp_path / "again.bundle")
    assert (tmp_path / "again.bundle").read_bytes() == (trained / "model.bundle").read_bytes()
    assert said["sha256"] == hashlib.sha256((tmp_path / "again.bundle").read_bytes()).hexdigest()


def test_the_extractor_of_a_bundle_can_begin_another_run(trained, tmp_path, monkeypatch):
    from tests.conftest import TINY

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    begun = ["strategy={name: finetune}", f"pretraining.checkpoint={trained}/model.bundle"]
    with pytest.raises(RecipeError, match="used modma, the target here"):
        run(tmp_path / "tiny.yaml", [*begun, "tracking.kind=none"], synthetic=True)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def torch_file():
    buffer = io.BytesIO()
    torch.save({"x": torch.zeros(2)}, buffer)
    return buffer.getvalue()


HOSTILE = {
    "a bad hash": (lambda m: ({**m, "labels.json": m["labels.json"] + b" "}, False), "'labels.json' is not the one"),
    "a path outside": (lambda m: ({**m, "../../evil.json": b"{}"}, True), "'../../evil.json' points outside"),
    "an absolute path": (lambda m: ({**m, "/etc/evil": b"{}"}, True), "'/etc/evil' points outside"),
    "a path of Windows": (lambda m: ({**m, "C:evil": b"{}"}, True), "'C:evil' points outside"),
    "a pickle": (lambda m: ({**m, "model.pkl": pickle.dumps(Bomb())}, True), "'model.pkl' may hold a pickle"),
    "a pickle as weights": (
        lambda m: ({**m, "weights.safetensors": pickle.dumps(Bomb())}, True),
        "'weights.safetensors' holds a pickle",
    ),
    "a file of torch.save as weights": (
        lambda m: ({**m, "weights.safetensors": torch_file()}, True),
        "'weights.safetensors' holds a pickle",
    ),
    "a member more": (lambda m: ({**m, "label.json": b"{}"}, True), "did you mean 'labels.json'"),
    "a member less": (
        lambda m: ({k: v for k, v in m.items() if k != "calibration.json"}, True),
        "no member 'calibration.json'",
    ),
    "a manifest that lists less": (
        lambda m: ({**m, MANIFEST: m[MANIFEST].replace(b'"labels.json"', b'"labelz.json"')}, False),
        "does not list",
    ),
    "another version": (
        lambda m: (with_record(m, MANIFEST, version=99), False),
        "version 99",
    ),
    "no JSON": (lambda m: ({**m, "recipe.json": b"{"}, True), "'recipe.json' is not readable as JSON"),
    "JSON without an end": (lambda m: ({**m, "recipe.json": b"[" * 10**6}, True), "'recipe.json' is not readable"),
    "a list": (lambda m: ({**m, "labels.json": b"[]"}, True), "'labels.json' is list"),
    "code by name": (
        lambda m: (with_record(m, "recipe.json", extractor={"name": "os:mkdir", "path": "exploded"}), True),
        "names 'os:mkdir', code",
    ),
    "classes that are no names": (lambda m: (with_record(m, "labels.json", modma=[1, 2]), True), "labels.json"),
    "a temperature of 0": (lambda m: (with_record(m, "calibration.json", temperature=0), True), "temperature is 0"),
    "a rule of its own": (lambda m: (with_record(m, "calibration.json", rule="max"), True), "rule is 'max'"),
    "no safetensors": (lambda m: ({**m, "weights.safetensors": b"x" * 99}, True), "not readable as safetensors"),
    "weights that are not finite": (
        lambda m: (
            {**m, "weights.safetensors": save({**load(m["weights.safetensors"]), "w": torch.tensor([torch.inf])})},
            True,
        ),
        "'w' holds values that are not finite",
    ),
    "a mean alone": (
        lambda m: ({**m, "normalisation.safetensors": save({"all.mean": torch.zeros(39)})}, True),
        "'all' has no std",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_by_name_and_nothing_runs(name, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change, words = HOSTILE[name]
    found, manifest = change(members(trained / "model.bundle"))
    path = rewrite(tmp_path / "hostile.bundle", found, manifest=manifest)
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(BundleError) as refused:
        predict(path, [trained / "a.wav"])
    assert words in str(refused.value)
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i: setattr(i, "external_attr", (stat.S_IFLNK | 0o777) << 16), "is a link"),
        (lambda i: setattr(i, "compress_type", zipfile.ZIP_DEFLATED), "is compressed"),
    ],
)
def test_links_and_compressed_members_are_refused(change, words, trained, tmp_path):
    with zipfile.ZipFile(tmp_path / "hostile.bundle", "w") as archive:
        for name, data in members(trained / "model.bundle").items():
            info = zipfile.ZipInfo(name)
            if name == "labels.json":
                change(info)
            archive.writestr(info, data)
    with pytest.raises(BundleError, match=words):
        read_bundle(tmp_path / "hostile.bundle")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(trained, tmp_path):
    shutil.copy(trained / "model.bundle", tmp_path / "hostile.bundle")
    with zipfile.ZipFile(tmp_path / "hostile.bundle", "a") as archive:
        archive.writestr("labels.json", b"{}")
    with pytest.raises(BundleError, match=r"'labels\.json' is there twice"):
        read_bundle(tmp_path / "hostile.bundle")


def test_a_member_that_claims_to_be_huge_is_not_read(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("transfer.bundle", fromlist=["LARGEST"]).LARGEST, "recipe.json", 10)
    with pytest.raises(BundleError, match=r"'recipe\.json' claims \d+ bytes; at most 10"):
        read_bundle(trained / "model.bundle")


def test_damage_anywhere_is_refused(trained, tmp_path):
    data = (trained / "model.bundle").read_bytes()
    generator = np.random.default_rng(0)
    path = tmp_path / "damaged.bundle"
    for place in generator.integers(2, len(data), 60):  # the first two bytes say that it is a bundle at all
        changed = bytearray(data)
        changed[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(bytes(changed))
        try:
            found = read_bundle(path)
        except BundleError:
            continue
        assert all(torch.equal(t, found.weights[n]) for n, t in read_bundle(trained / "model.bundle").weights.items())
    for end in (2, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(BundleError):
            read_bundle(path)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("front_end.json", {"hop": 160}, r"another front end \(hop: 160 there, 512 here\)"),
        ("recipe.json", {"extractor": {"name": "multi_tim", "blocks": 2}}, "weights are not those of the recipe"),
        ("recipe.json", {"surprise": 1}, "record cannot be used by this version"),
        ("labels.json", {"modma": ["HC", "MDD", "x"]}, "weights are not those of the recipe"),
        ("labels.json", {"modma": None}, "labels.json"),
    ],
)
def test_a_bundle_whose_parts_do_not_fit_each_other_is_refused(name, changes, words, trained, tmp_path):
    found = with_record(members(trained / "model.bundle"), name, **changes)
    with pytest.raises(UserError, match=words):
        predict(rewrite(tmp_path / "odd.bundle", found), [trained / "a.wav"])


def test_an_export_says_what_it_needs_and_writes_over_nothing(trained, tmp_path):
    with pytest.raises(UserError, match="never writes over"):
        export(trained / "out", "bundle", trained / "model.bundle")
    shutil.copy(trained / "out" / "model.safetensors", tmp_path)
    with pytest.raises(RecipeError, match=r"no readable summary\.json"):
        export(tmp_path, "bundle", tmp_path / "x.bundle")
    with pytest.raises(RecipeError, match="no model file"):
        export(tmp_path / "none", "bundle", tmp_path / "x.bundle")
    assert not (tmp_path / "x.bundle").exists()


def test_a_model_of_somebodys_own_class_is_not_bundled(trained, tmp_path):
    from transfer.bundle import write_bundle
    from transfer.checkpoint import Checkpoint

    found = read_checkpoint(trained / "out")
    own = {**found.record, "recipe": {**found.record["recipe"], "head": {"name": "mine:Head"}}}
    with pytest.raises(BundleError, match="names 'mine:Head'"):
        write_bundle(tmp_path / "x.bundle", Checkpoint(found.weights, found.normalisation, own), protocol={}, card="")


def test_a_record_cannot_name_a_function_to_be_called(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from transfer.checkpoint import Checkpoint
    from transfer.predicting import Predictor

    found = read_checkpoint(trained / "out")
    recipe = {**found.record["recipe"], "extractor": {"name": "os:mkdir", "path": "exploded"}}
    with pytest.raises(RecipeError, match=r"'os:mkdir' is code that does not come with the toolkit"):
        Predictor(Checkpoint(found.weights, found.normalisation, {**found.record, "recipe": recipe}))
    assert not (tmp_path / "exploded").exists()
