"""Nothing that a clinical run leaves behind names a subject, a file or a folder, unless the recipe allows it."""

import io
import json
import logging
import os
import shutil
import sys

import numpy as np
import pytest
import soundfile

from transfer.cli import main
from transfer.data.cache import cache_folder, hash_id
from transfer.errors import UserError
from transfer.export_cli import export
from transfer.loading import load_recipe
from transfer.redaction import public_reason

PLANTED = ("mustermann", "erika-1964", "ward_seven", "4711815", "heard voices")
RECIPE = """\
name: clinical
strategy: {name: scratch}
target: {corpus: clinic, root: ROOT, reader: manifest, slices: {version: V1, seconds: 1.0, overlap: 0}}
extractor: {name: multi_tim, mode: plain, blocks: 1, filters: 13}
head: {name: temporal, mode: plain, blocks: 1}
training: {epochs: 1, batch_size: 8}
split: {valid: 0.25, test: 0.25}
bad_audio: skip
compute: {threads: 1}
"""


def clinic(root):
    """Write a corpus whose ids, files, folders and words must not be seen again; one of its files cannot be heard."""
    generator, rows = np.random.default_rng(0), ["path,label,speaker,recording,text,phq9"]
    for subject in range(8):
        folder = root / "ward_seven" / f"mustermann_{subject}"
        folder.mkdir(parents=True)
        for take in range(2):
            soundfile.write(folder / f"erika-1964_{take}.wav", 0.1 * generator.standard_normal(24000), 16000)
            path = (folder / f"erika-1964_{take}.wav").relative_to(root)
            who = f"mustermann-4711815-{subject}"
            rows.append(f"{path},{'sick' if subject % 2 else 'well'},{who},{who}/{take},heard voices,{subject}")
    (root / "ward_seven/mustermann_0/erika-1964_1.wav").write_bytes(b"no audio")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def found(folder):
    """Return which planted words stand in which files, whatever the kind of the file."""
    hits = set()
    for file in (path for path in folder.rglob("*") if path.is_file()):
        raw = file.read_bytes().lower()
        texts = [raw, str(file.relative_to(folder)).lower().encode()]
        if file.suffix == ".parquet":
            import pandas as pd

            texts.append(pd.read_parquet(file).to_json().lower().encode())
        hits |= {(file.name, word) for word in PLANTED for text in texts if word.encode() in text}
    return hits


@pytest.fixture
def said(tmp_path, monkeypatch, empty_store):
    """Run the recipe in a folder, and return what was written and said; the corpus lies outside of it."""
    clinic(tmp_path / "corpus")

    def said(*overrides):
        here = tmp_path / "here"
        (here / "mlruns").mkdir(parents=True)
        shutil.copy(empty_store, here / "mlruns")
        monkeypatch.chdir(here)
        recipe = tmp_path / "clinical.yaml"
        recipe.write_text(RECIPE.replace("ROOT", str(tmp_path / "corpus")), encoding="utf-8")
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        monkeypatch.setattr(sys, "argv", ["transfer", "run", str(recipe), *overrides, "--out", "out"])
        try:
            with pytest.raises(SystemExit) as left:
                main()
        finally:
            logging.getLogger().removeHandler(handler)
        assert not left.value.code
        export("out", "bundle", "model.bundle")
        return here, log.getvalue()

    return said


def test_no_planted_word_is_in_anything_that_a_run_wrote_logged_or_said(said, capfd):
    here, log = said()
    spoken = capfd.readouterr()
    assert found(here) == set()
    for word in PLANTED:
        assert word not in (log + spoken.out).lower(), word
    assert json.loads((here / "out" / "summary.json").read_text())["skipped"], (
        "the damaged file was there to be told of"
    )


def test_no_planted_word_is_in_anything_that_a_comparison_wrote_or_logged(tmp_path, monkeypatch, empty_store):
    """A folder given on the command line is in no table, page or store; nor is one in a failed trial's message."""
    clinic(tmp_path / "mustermann" / "corpus")
    here = tmp_path / "here"
    (here / "mlruns").mkdir(parents=True)
    shutil.copy(empty_store, here / "mlruns")
    monkeypatch.chdir(here)
    recipe = tmp_path / "clinical.yaml"
    recipe.write_text(RECIPE.replace("root: ROOT, ", ""), encoding="utf-8")
    root = f"target.root={tmp_path / 'mustermann' / 'corpus'}"
    words = ["compare", str(recipe), root, "--seeds", "1", "--folds", "2", "--jobs", "1", "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["transfer", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert found(here) == set()
    assert "target.root=..." in json.loads((here / "out" / "comparison.json").read_text())["command"]


def test_a_message_that_names_a_file_is_not_recorded(tmp_path):
    recipe = load_recipe("casia_to_modma_scratch", [f"target.root={tmp_path}"])
    assert str(tmp_path) not in public_reason(f"AudioError: {tmp_path}/erika-1964.wav cannot be decoded", recipe)
    assert public_reason("NumbersError: loss is nan", recipe) == "NumbersError: loss is nan"


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="another run; set TRANSFER_SLOW=1")
def test_the_search_finds_what_a_recipe_allows(said):
    here, _ = said("plain_ids=true")
    assert {("predictions.parquet", "mustermann"), ("predictions.parquet", "4711815")} <= found(here)


def test_hashes_are_salted_per_project_and_a_damaged_salt_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CACHE", str(tmp_path))
    monkeypatch.delenv("TRANSFER_PROJECT", raising=False)
    plain = hash_id("s1")
    monkeypatch.setenv("TRANSFER_PROJECT", "sleep study")
    other = hash_id("s1")
    assert hash_id("s1") == other != plain
    monkeypatch.delenv("TRANSFER_PROJECT")
    assert hash_id("s1") == plain
    (cache_folder() / "salt").write_text("")
    with pytest.raises(UserError, match="salt of hashed ids"):
        hash_id("s1")
