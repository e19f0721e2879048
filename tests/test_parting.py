"""From a recipe to parts, roles, folds, frozen splits, and an audit of real files."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from pydantic import ValidationError

from transfer.data.split import PARTS
from transfer.data.splitting import count_by
from transfer.errors import LeakageError, SplitError
from transfer.frozen_split import freeze_split
from transfer.parting import enumerate_folds
from transfer.preparation import load, plan
from transfer.recipe import Recipe, SplitSection


def tone(seed, seconds=2.0, rate=16000):
    rng = np.random.default_rng(seed)
    knots = np.linspace(0, seconds, 16)
    pitch = np.interp(np.arange(int(seconds * rate)) / rate, knots, rng.uniform(110, 230, 16))
    loud = np.interp(np.arange(int(seconds * rate)) / rate, knots, rng.uniform(0.1, 1, 16))
    sound = sum(
        np.sin(k * np.cumsum(2 * np.pi * pitch / rate) + rng.uniform(0, 6)) * rng.uniform() for k in range(1, 12)
    )
    return 0.05 * loud * sound + 1e-3 * rng.normal(size=len(pitch))


@pytest.fixture
def corpus(tmp_path):
    """Six speakers with four recordings each; returns a function that adds a file and writes the manifest."""
    rows = []

    def add(speaker, name, wave, rate=16000, label="x", **more):
        soundfile.write(tmp_path / f"{name}.wav", wave, rate)
        rows.append({"path": f"{name}.wav", "label": label, "speaker": speaker, **more})
        pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)

    for s in range(6):
        for i in range(4):
            part = "train" if s < 4 else "test"
            add(f"s{s}", f"s{s}-{i}", tone(10 * s + i), label="xy"[i % 2], part=part, text=f"t{i}")
    return add


def recipe(tmp_path, split=None, **more):
    target = {"corpus": "own", "root": str(tmp_path), "reader": "manifest", **more.pop("target", {})}
    tree = {"name": "t", "strategy": {"name": "scratch"}, "target": target, "split": split or {}, **more}
    return Recipe.model_validate({"tracking": {"kind": "none"}, **tree})


BY_COLUMN = {"by": "column", "column": "part", "valid": 0}


def test_a_copied_file_under_another_name_is_found(corpus, tmp_path):
    plan(recipe(tmp_path, BY_COLUMN))
    corpus("s5", "holiday", tone(0), label="x", part="test", text="")
    with pytest.raises(
        LeakageError, match=r"audio: 1 of 9 slices .*own/test have the audio of a file in train .*holiday"
    ):
        plan(recipe(tmp_path, BY_COLUMN))


@pytest.mark.parametrize(
    ("change", "rate"),
    [
        (lambda wave: 0.2 * soxr.resample(wave, 16000, 22050), 22050),
        (lambda wave: wave[3000:], 16000),
        (lambda wave: wave[:-4321] * 0.5, 16000),
    ],
    ids=["gain and rate", "trimmed at the start", "trimmed at the end"],
)
def test_a_changed_copy_is_found_named_and_can_be_accepted_or_not_looked_for(corpus, tmp_path, change, rate):
    corpus("s5", "holiday", change(tone(0)), rate, label="x", part="test", text="")
    with pytest.raises(LeakageError, match=r"copy: 1 of 9 slices .*own/test sound like a file in train .*holiday"):
        plan(recipe(tmp_path, BY_COLUMN))
    accepted = plan(recipe(tmp_path, {**BY_COLUMN, "accept_leakage": ["copy"]}))
    assert accepted.leakage["found"] == ["copy"]
    assert accepted.leakage["accepted"] == ["copy"]
    blind = plan(recipe(tmp_path, {**BY_COLUMN, "near_copies": False}))
    assert not blind.leakage["near_copies"]
    assert any("not looked for" in note for note in blind.notes)


def test_a_speaker_in_two_parts_is_found(corpus, tmp_path):
    corpus("s5", "late", tone(99), label="x", part="train", text="")
    with pytest.raises(SplitError, match=r"1 speaker stands in more than one part: s5 \(test, train\)"):
        plan(recipe(tmp_path, BY_COLUMN))


def test_one_recording_cut_into_two_parts_is_found(corpus, tmp_path):
    corpus("s0", "cut", tone(98), label="x", part="train", text="", start=0, end=1)
    table = pd.read_csv(tmp_path / "manifest.csv")
    other = table.iloc[[-1]].assign(speaker="s5", part="test", start=1, end=2)
    pd.concat([table, other]).to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(SplitError, match=r"1 recording stands in more than one part: cut\.wav \(test, train\)"):
        plan(recipe(tmp_path, BY_COLUMN))


@pytest.mark.parametrize("reproduce", [False, True])
def test_v0_slices_go_through_features_and_their_pieces_through_the_audit(corpus, tmp_path, reproduce):
    import torch

    slices = {"version": "V0", "seconds": 3, "reproduce_notes": reproduce}
    accept = ["speaker", "recording", "audio", "slice"] if reproduce else []
    by = {"by": "clip", "accept_leakage": accept} if reproduce else {"by": "speaker"}
    asked = recipe(tmp_path, by, target={"slices": slices}, normalisation="train")
    planned = plan(asked)
    assert planned.slices["speaker"].str.contains(r"\+").any() == reproduce
    domain = load(asked, planned, torch.device("cpu")).domains["own"]
    seconds = planned.slices["end"] - planned.slices["start"]
    assert np.corrcoef(domain.lengths.numpy(), seconds)[0, 1] > 0.999
    if reproduce:
        assert {"speaker", "recording"} <= set(planned.leakage["found"])


def test_a_frozen_split_holds_against_other_seeds_and_refuses_other_audio(corpus, tmp_path):
    out = tmp_path / "frozen" / "split.csv"
    frozen = freeze_split(recipe(tmp_path, {"seed": 3}), out=out)
    split = {"file": str(out), "hash": frozen["hash"]}
    again = plan(recipe(tmp_path, split, training={"seed": 8}))
    assert again.split == frozen["hash"]
    assert again.slices["part"].to_list() == plan(recipe(tmp_path, {"seed": 3})).slices["part"].to_list()
    out.with_name("changed.csv").write_text(out.read_text().replace(",test", ",valid", 1))
    with pytest.raises(SplitError, match=r"split\.hash: the parts in .*changed\.csv have the hash"):
        plan(recipe(tmp_path, {**split, "file": str(out.with_name("changed.csv"))}))
    with pytest.raises(SplitError, match=r"split\.hash: the parts of this run have the hash"):
        plan(recipe(tmp_path, {"seed": 4, "hash": frozen["hash"]}))
    soundfile.write(tmp_path / "s0-0.wav", tone(1234), 16000)
    with pytest.raises(SplitError, match="1 of its 24 slices are not in the corpus, and 1 of the corpus's 24"):
        plan(recipe(tmp_path, split))


def test_the_folds_of_a_recipe_test_every_speaker_once_with_one_seed(corpus, tmp_path):
    table = plan(recipe(tmp_path)).slices
    for split in ({"by": "loso", "valid": 0.2}, {"by": "kfold", "folds": 3, "valid": 0.3}):
        folds = enumerate_folds(recipe(tmp_path, split, training={"seed": 5}), table)
        assert {fold.split.seed for fold in folds} == {5}
        tested = [speaker for fold in folds for speaker in set(_tested(fold))]
        assert sorted(tested) == list(count_by(table, "speaker", "").index)


def _tested(fold):
    slices = plan(fold).slices
    assert set(slices["part"]) == set(PARTS)
    return slices.loc[slices["part"] == "test", "speaker"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"fold": 1}, "fold has no effect with by: speaker"),
        ({"by": "clip", "column": "part"}, "column has no effect with by: clip"),
        ({"by": "loso", "folds": 3}, "folds has no effect with by: loso"),
        ({"by": "loso", "inner_fold": 1}, "inner_folds, their number, is not set"),
        ({"by": "loso", "transductive": True}, "so that by: loso has no effect"),
        ({"file": "split.csv", "transductive": True}, "so that file has no effect"),
        ({"hash": "1234"}, "should match pattern"),
    ],
)
def test_a_recipe_that_asks_for_what_its_split_does_not_look_at_is_refused(split, message):
    with pytest.raises(ValidationError, match=message):
        SplitSection.model_validate(split)


def test_features_whose_statistics_were_fitted_on_the_test_end_the_run(corpus, tmp_path, monkeypatch):
    import torch

    from transfer.data.normalisation import Normaliser

    honest = Normaliser.fit
    monkeypatch.setattr(Normaliser, "fit", lambda self, slices, clip: honest(self, slices.assign(labelled=True), clip))
    asked = recipe(tmp_path, BY_COLUMN)
    with pytest.raises(LeakageError, match="statistics: 8 of 8 slices"):
        load(asked, plan(asked), torch.device("cpu"))
    accepting = recipe(tmp_path, {**BY_COLUMN, "accept_leakage": ["statistics"]})
    found = load(accepting, plan(accepting), torch.device("cpu")).leakage
    assert found["statistics"]["own/test"]["train"]["statistics"]["count"] == 8
