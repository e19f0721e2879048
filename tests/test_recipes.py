"""Every shipped recipe runs: reads stand-ins in the real layout, trains one epoch of every phase, and scores.

Those of the lab's notes are in `test_notes`.
"""

import pytest

from transfer import load_recipe, run
from transfer.loading import list_recipes

SMALL = {"casia": "{clips: 1}", "modma": "{speakers: 8, clips: 1}", "nemo": "{clips: 1}", "emovo": "{clips: 2}"}


def overrides(path):
    recipe = load_recipe(path)
    words = [
        "training.epochs=1",
        "tracking.kind=none",
        "split.seed=0",
        f"synthetic.target={SMALL[recipe.target.corpus]}",
    ]
    words.append("synthetic.overrides={}")
    words += [f"synthetic.source={SMALL[s.corpus]}" for s in recipe.source]
    if recipe.pretraining.epochs:
        words.append("pretraining.epochs=1")
    if isinstance(recipe.target.labelled_speakers, int):
        words.append("target.labelled_speakers=2")
    if {"every", "steps"} <= set(recipe.strategy.options):
        words += ["strategy.every=1", "strategy.steps=1"]
    elif "every" in recipe.strategy.options:
        words.append("strategy.every=1")
    return words


def test_there_are_recipes_to_test():
    assert len(list_recipes()) >= 18


@pytest.mark.parametrize("path", [p for p in list_recipes() if "notes" not in p.parts], ids=lambda p: p.stem)
def test_the_recipe_runs_on_stand_ins(path, tmp_path):
    summary = run(path, overrides(path), synthetic=True, out=tmp_path / "out")
    test = summary["metrics"]["test"]
    assert 0 <= test["subject"]["uar"] <= 1
    assert test["slice"]["n"] == summary["split"]["parts"][summary["target"]]["test"]["slices"]
    assert summary["leakage"]["found"] == []


@pytest.mark.corpora
def test_dann_runs_on_the_real_corpora(corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CORPORA", str(corpora))
    summary = run("nemo_to_emovo/dann", ["training.epochs=1", "tracking.kind=none"], out=tmp_path / "out")
    parts = summary["split"]["parts"]
    assert (parts["emovo"]["test"]["slices"], parts["emovo"]["test"]["speakers"]) == (504, 6)
    assert sum(part["slices"] for part in parts["nemo"].values()) == 1050
    assert summary["target_labels"]["slices"] == 0
    assert len(summary["classes"]["emovo"]) == 6
