"""The lab's own experiments: every recipe of the notes loads, builds and takes a step of every phase, and is indexed."""

import math
import os
import re
from dataclasses import replace
from functools import cache

import pytest
import torch

from transfer import load_recipe, run
from transfer.build import build_front_end, build_model, build_strategy
from transfer.device import build_fabric
from transfer.loading import list_recipes, recipe_folder
from transfer.loop import Streams, freeze, step
from transfer.optim import build_optimizer
from transfer.recipe import Compute
from transfer.strategies import Setting

NOTES = recipe_folder() / "notes"
RECIPES = {path.relative_to(NOTES).with_suffix("").as_posix(): path for path in list_recipes(NOTES)}
CHEAP = {
    "wav2vec2": ["extractor.weights=random", "extractor.size=tiny"],
    "vggish": ["extractor.weights=random", "extractor.hidden=64"],
    "boss": ["extractor.units=32"],
}
"""Random weights stand in for those that a user brings, and layers that take seconds to initialise are cut down."""
LENGTHS = {"waveform": 4800, "log_mel": 96, "spectrogram": 33}
LEAKING = ("001_modma", "003_multi_tim")
ORACLES = {"002_light_sernet/08-02-20-11", "002_light_sernet/09-18_mfcc"}
SAMPLE = ("001_modma/tim", "002_light_sernet/09-18_mfcc", "003_multi_tim/ddg4", "004_phonemes/medium_11_frames")
PRETRAINED = "001_modma/pretraining_iemocap"
SIZES = {"modma": "{speakers: 8, clips: 3}", "manifest": "{speakers: 6, clips: 1}"}


def cheap(name):
    """Return the overrides that make a recipe light enough to be stepped."""
    return next((words for part, words in CHEAP.items() if part in name), [])


@cache
def load(name):
    return load_recipe(RECIPES[name], cheap(name))


def tensors(recipe, domain):
    """Return a random domain for each corpus, in the shape that the recipe's front end gives."""
    channels = build_front_end(recipe).channels
    windows = recipe.target.slices.neighbours if recipe.target.slices.version == "frames" else 0
    frames = windows or LENGTHS.get(recipe.frontend.name, 40)
    found = {}
    for seed, section in enumerate(recipe.corpora):
        one = domain(section.corpus, slices=8, frames=frames, seed=seed)
        lengths = torch.full_like(one.lengths, frames) if windows else one.lengths
        found[section.corpus] = replace(one, features=torch.randn(8, channels, frames), lengths=lengths)
    return found


def attach(recipe, domains):
    channels = next(iter(domains.values())).features.shape[1]
    model = build_model(recipe, in_channels=channels, classes={n: d.classes for n, d in domains.items()})
    strategy = build_strategy(recipe)
    sources = tuple(section.corpus for section in recipe.source)
    strategy.attach(Setting(model, domains, sources, recipe.target.corpus, recipe.training, recipe.pretraining))
    return strategy


def step_once(strategy, stage, fabric):
    """Take one step of every phase that a stage has, and return the values of all."""
    model = strategy.setting.model
    root = torch.nn.ModuleList([model, strategy])
    parameters = dict(model.named_parameters()) | dict(strategy.named_parameters())
    strategy.begin(stage.name)
    freeze(model, strategy, stage.frozen(0))
    optimizers = {n: fabric.setup_optimizers(build_optimizer(parameters, p)) for n, p in stage.optimizers.items()}
    streams = Streams(strategy.setting.domains, 4, stage.settings.balance, 0)
    phases = {phase.name: phase for epoch in range(min(stage.epochs, 8)) for phase in stage.phases(epoch)}
    return {
        f"{phase.name}/{name}": value
        for phase in phases.values()
        for name, value in step(
            phase, streams, root, {n: optimizers[n] for n in phase.drives}, fabric, 0.5, stage.settings.clip_gradient
        ).items()
    }


@pytest.fixture(scope="module")
def fabric():
    return build_fabric(Compute(accelerator="cpu"))


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_builds_and_learns(name, domain, fabric):
    recipe = load(name)
    assert (recipe.name, bool(recipe.description)) == (name.replace("/", "_"), True)
    strategy = attach(recipe, tensors(recipe, domain))
    model = strategy.setting.model
    before = {key: value.clone() for key, value in model.heads[recipe.target.corpus].state_dict().items()}
    for stage in strategy.stages():
        values = step_once(strategy, stage, fabric)
        assert values
        assert all(math.isfinite(v) for v in values.values()), values
    after = model.heads[recipe.target.corpus].state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before), "the target's head has learned nothing"


def test_the_tuned_transformer_leaves_the_rest_as_it_was_pretrained(domain, fabric):
    recipe = load("003_multi_tim/iemocap_pretrained_transformer")
    strategy = attach(recipe, tensors(recipe, domain))
    pretraining, transfer = strategy.stages()
    for stage, moved in ((pretraining, True), (transfer, False)):
        before = {name: p.detach().clone() for name, p in strategy.setting.model.named_parameters()}
        step_once(strategy, stage, fabric)
        changed = {name for name, p in strategy.setting.model.named_parameters() if not torch.equal(before[name], p)}
        assert any(name.startswith("extractor.transformer") for name in changed)
        assert any(name.startswith("extractor.tim") for name in changed) == moved


@cache
def rows():
    """Return the rows of the index: recipe -> its line."""
    folder, found = "", {}
    for line in (NOTES / "README.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## `([\w.-]+)/`", line):
            folder = heading[1]
        elif row := re.match(r"\| `([\w.-]+)` \|", line):
            found[f"{folder}/{row[1]}"] = line
    return found


def test_the_index_lists_every_recipe_of_the_notes():
    assert len(RECIPES) > 100
    assert sorted(rows()) == sorted(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_the_index_says_what_the_recipe_reports(name):
    reported = load(name).reported
    lists = [list(v.values()) if isinstance(v, dict) else v for k, v in reported.items() if k != "protocol"]
    figures = [f"{value:g}" for values in lists for value in values]
    cell = rows()[name].split("|")[3]
    assert re.findall(r"\d+(?:\.\d+)?", re.sub(r"f1", "", cell)) == figures
    assert all(0 <= float(value) <= 100 for value in figures)
    assert ("protocol" in reported) == bool(figures)


@pytest.mark.parametrize("folder", LEAKING)
def test_a_split_by_clip_is_told_in_the_description(folder):
    found = [load(name) for name in RECIPES if name.startswith(folder)]
    for recipe in found:
        assert recipe.split.by == "clip"
        assert {"speaker", "recording", "slice", "audio"} == set(recipe.split.accept_leakage)
        assert recipe.description.endswith("; leaks (split by clip)")


def test_only_what_the_notes_chose_by_test_scores_is_chosen_so_here():
    assert {name for name in RECIPES if load(name).selection.by == "oracle"} == ORACLES


def small(name):
    """Return what makes a run on stand-ins a matter of seconds."""
    recipe = load(name)
    corpora = [section.reader or section.corpus for section in recipe.corpora]
    words = [f"synthetic.target={SIZES.get(corpora[-1], '{clips: 1}')}", "training.epochs=1", "tracking.kind=none"]
    if recipe.frontend.name == "waveform":
        words.append("target.slices={version: V2, seconds: 1}")
    return [*cheap(name), *words, "training.monitor=false"]


def check_run(name, folder):
    words = small(name)
    if load(name).pretraining.checkpoint:
        run(RECIPES[PRETRAINED], small(PRETRAINED), synthetic=True, out=folder.with_name("pretrained"))
        words.append(f"pretraining.checkpoint={folder.with_name('pretrained')}")
    summary = run(RECIPES[name], words, synthetic=True, out=folder)
    assert 0 <= summary["metrics"]["test"]["slice"]["uar"] <= 1
    assert summary["reported"] == load(name).reported
    found = set(summary["leakage"]["found"])
    assert ("speaker" in found) == (load(name).split.by == "clip")
    assert found <= set(load(name).split.accept_leakage)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_runs_on_stand_ins(name, tmp_path):
    check_run(name, tmp_path / "out")


def test_the_rows_with_ct1_take_the_tim_of_the_pretraining(tmp_path):
    first, second = PRETRAINED, "001_modma/row_10_cmt1"
    cut = ["extractor.filters=4", "extractor.blocks=2", "extractor.width=8", "extractor.feedforward=8"]
    run(RECIPES[first], [*small(first), *cut], synthetic=True, out=tmp_path / "first")
    words = [*small(second), *cut, f"pretraining.checkpoint={tmp_path / 'first'}"]
    report = run(RECIPES[second], words, synthetic=True, out=tmp_path / "second")["loaded_weights"]
    assert {name.partition(".")[0] for name in report["matched"]} == {"tim"}
    assert {name.partition(".")[0] for name in report["untouched"]} == {"project", "encoder"}
    assert [name for name in RECIPES if load(name).pretraining.checkpoint] == [
        f"001_modma/{row}" for row in ("row_02_04_ct1_v0", "row_08_ct1", "row_09_ct1_lr4e-4", "row_10_cmt1")
    ]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1")
@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_runs_on_stand_ins(name, tmp_path):
    check_run(name, tmp_path / "out")
