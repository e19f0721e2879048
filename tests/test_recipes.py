"""Every shipped recipe runs: reads stand-ins in the real layout, trains one epoch of every phase, and scores.

Those of the lab's notes are in `test_notes`.
"""

import re

import pytest
import torch

from feature_extractors import EXTRACTORS
from transfer import load_recipe, run
from transfer.build import build_front_end, build_model
from transfer.errors import RecipeError
from transfer.loading import list_recipes, recipe_folder

SMALL = {"casia": "{clips: 1}", "modma": "{speakers: 8, clips: 1}", "nemo": "{clips: 1}", "emovo": "{clips: 2}"}


def tiny_weights(recipe, folder):
    """Return the overrides that put a small random network of the kind, saved to disk, in place of the published one."""
    options = recipe.extractor.options
    if options.get("weights", "random") == "random":
        return []
    network = EXTRACTORS[recipe.extractor.name](**{**options, "weights": "random", "size": "tiny"}, in_channels=1)
    short = [f"{role}.slices.seconds=1" for role in ("source", "target")]
    short += ["synthetic.source={clips: 1, speakers: 3}", "synthetic.target={clips: 1}", "training.monitor=false"]
    torch.save(network.model.state_dict(), folder / "tiny.pth")
    return ["extractor.size=tiny", f"extractor.weights={folder / 'tiny.pth'}", *short]


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
    words = [*overrides(path), *tiny_weights(load_recipe(path), tmp_path)]
    summary = run(path, words, synthetic=True, out=tmp_path / "out")
    test = summary["metrics"]["test"]
    assert 0 <= test["subject"]["uar"] <= 1
    assert test["slice"]["n"] == summary["split"]["parts"][summary["target"]]["test"]["slices"]
    assert summary["leakage"]["found"] == []


PUBLISHED = [p for p in list_recipes() if " weights: weights/" in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.stem)
def test_a_recipe_on_published_weights_says_which_file_to_fetch_and_where_to_put_it(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(path)
    where = re.escape(str(recipe.extractor.options["weights"]))
    with pytest.raises(RecipeError, match=f"no weights at {where}; fetch .* and put it there"):
        build_model(recipe, in_channels=build_front_end(recipe).channels, classes={recipe.target.corpus: ("a", "b")})


def test_every_extractor_has_a_recipe():
    texts = [path.read_text(encoding="utf-8") for path in recipe_folder().rglob("*.yaml")]  # loading all takes seconds
    assert len(PUBLISHED) >= 4
    assert {name for text in texts for name in re.findall(r"^extractor: \{name: (\w+)", text, re.M)} == set(EXTRACTORS)


@pytest.mark.corpora
def test_dann_runs_on_the_real_corpora(corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CORPORA", str(corpora))
    summary = run("nemo_to_emovo/dann", ["training.epochs=1", "tracking.kind=none"], out=tmp_path / "out")
    parts = summary["split"]["parts"]
    assert (parts["emovo"]["test"]["slices"], parts["emovo"]["test"]["speakers"]) == (504, 6)
    assert sum(part["slices"] for part in parts["nemo"].values()) == 1050
    assert summary["target_labels"]["slices"] == 0
    assert len(summary["classes"]["emovo"]) == 6
