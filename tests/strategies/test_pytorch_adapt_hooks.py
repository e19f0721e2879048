"""The table of hooks is that of the library, and of the documentation; recipes are checked against it without the library."""

import inspect
import sys
from pathlib import Path

import pytest

from transfer.errors import RecipeError
from transfer.loading import load_recipe
from transfer.strategies.pytorch_adapt import PytorchAdapt
from transfer.strategies.pytorch_adapt_hooks import HOOKS, PARTS, runnable
from transfer.strategies.pytorch_adapt_options import library

PAGE = Path(__file__).parents[2] / "docs" / "pytorch_adapt.md"


def exported():
    """Return all that the library exports of its own under pytorch_adapt.hooks, but the submodules."""
    members = vars(library("hooks")).items()
    return {name for name, item in members if not name.startswith("_") and not inspect.ismodule(item)}


def test_every_export_of_the_library_is_in_one_of_the_two_tables():
    assert exported() == HOOKS.keys() | PARTS.keys()
    assert not HOOKS.keys() & PARTS.keys()
    assert len(HOOKS) >= 39


def arguments(cls):
    """Return what a hook's constructor takes, with what it passes on to those of its bases."""
    found = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            signature = inspect.signature(base.__init__).parameters
            found = dict(signature) | found
            if not any(p.kind is p.VAR_KEYWORD for p in signature.values()):
                break
    return found


@pytest.mark.parametrize("name", HOOKS)
def test_options_and_optimizers_are_arguments_of_the_hook(name):
    hook, takes = HOOKS[name], arguments(getattr(library("hooks"), name))
    assert {*hook.options, *hook.steps} <= takes.keys()
    asked = {p for p in takes if p == "opts" or p.endswith("_opts")}
    assert asked == set(hook.steps), "every optimizer that it asks for is given"
    for option, kind in hook.options.items():
        if kind == "flag":
            assert isinstance(takes[option].default, bool)
        if kind in ("number", "count"):
            assert isinstance(takes[option].default, int | float)


def row(name):
    hook = HOOKS[name]
    steps = "joins the task" if hook.is_loss else " then ".join(_driven(hook)) if hook.trains else "nothing"
    models = [{"head": "", "pair": "two classifiers", "bridge": "a bridge of C"}[hook.classifier]]
    models += [f"D of {hook.discriminator}"] if hook.discriminator else []
    models += [FURTHER[part] for part in hook.further]
    needs = [{"any": "", "same": "same classes", "shared": "one head"}[hook.classes]]
    needs += [{"": "", "extractor": "pretraining or a checkpoint", "all": "pretraining"}[hook.pretrained]]
    cells = [f"`{name}`", hook.about, steps, ", ".join(filter(None, models)), ", ".join(filter(None, needs))]
    return "| " + " | ".join([*cells, ", ".join(f"`{option}`" for option in hook.options)]) + " |"


FURTHER = {
    "combiner": "features x predictions",
    "residual": "a residual block",
    "bridge": "a bridge of D",
    "two outputs": "two outputs of D",
    "copy": "a fixed copy of G",
}


def _driven(hook):
    """Return what is stepped, D first as the library does."""
    return sorted(("+".join(letters) for letters in hook.steps.values()), key=lambda name: name != "D")


def table():
    """Return the page's two tables."""
    head = "| hook | algorithm | steps | built beside G and C | needs | options |\n|---|---|---|---|---|---|"
    parts = [f"| `{name}` | {why} |" for name, why in PARTS.items()]
    return "\n".join([head, *map(row, HOOKS)]), "\n".join(["| export | why it does not run |\n|---|---|", *parts])


def test_the_page_has_the_tables_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    for part in table():
        assert part in page, f"docs/pytorch_adapt.md differs from the code; its table is now\n{part}"


RECIPE = """\
name: mine
strategy:
  name: pytorch_adapt
  {line}
source: {{corpus: nemo}}
target: {{corpus: emovo}}
"""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hook: DANHook", ["mine.yaml:4", "strategy.hook", "did you mean 'DANNHook'"]),
        ("hook: ChainHook", ["strategy.hook", "ChainHook cannot run", "plumbing"]),
        ("options: {softmax: true}", ["strategy", "hook"]),
        ("hook: CDANHook\n  options: {softmx: true}", ["mine.yaml:5", "options.softmx", "did you mean 'softmax'"]),
        ("hook: CDANHook\n  options: {softmax: 3}", ["mine.yaml:5", "true or false", "3"]),
        ("hook: ADDAHook\n  options: {threshold: high}", ["expected a number", "'high'"]),
        ("hook: MCDHook\n  options: {repeat: 0}", ["options.repeat", "whole number from 1"]),
        ("hook: BNMHook\n  options: {domains: [source]}", ["options.domains", "src and target"]),
        ("hook: AlignerHook\n  options: {layer: frames}", ["options.layer", "features or logits"]),
        ("hook: AlignerHook\n  options: {loss_fn: 3}", ["options.loss_fn", "CORALLoss"]),
        ("hook: DANNHook\n  options: {post_g: BSPHook}", ["options.post_g", "a list of loss hooks"]),
        ("hook: DANNHook\n  options: {post_g: [BSHook]}", ["options.post_g.0", "did you mean 'BSPHook'"]),
        ("hook: DANNHook\n  options: {post_g: [{name: ATDOCHook, kk: 3}]}", ["post_g.0.kk", "did you mean 'k'"]),
        ("hook: DANNHook\n  weight: 2", ["strategy.weight", "goes with a hook that is a loss"]),
        ("hook: DANNHook\n  stochastic: true", ["strategy.stochastic", "MCDHook"]),
        ("hook: MCDHook\n  level: specific", ["strategy.level", "expected universal"]),
        ("hook: DANNHook\n  levle: specific", ["strategy.levle", "did you mean 'level'"]),
    ],
)
def test_a_recipe_that_cannot_run_is_refused_without_the_library(line, says, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_adapt", None)
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE.format(line=line), encoding="utf-8")
    with pytest.raises(RecipeError) as error:
        load_recipe(path)
    for part in says:
        assert part in str(error.value)


def test_a_missing_library_is_named_with_its_extra(attached, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytorch_adapt"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytorch_adapt", None)
    with pytest.raises(RecipeError, match=r"transfer-speech\[adapt\]"):
        attached("pytorch_adapt", hook="DANNHook")


@pytest.mark.parametrize(
    ("hook", "options", "says"),
    [
        ("AlignerHook", {"loss_fn": "CORALoss"}, "did you mean 'CORALLoss'"),
        ("AlignerHook", {"loss_fn": {"name": "MMDLoss", "mmd_type": "cubic"}}, "linear or quadratic"),
        ("DANNHook", {"weighter": {"name": "MeanWeighter", "weigths": {}}}, "weigths"),
    ],
)
def test_a_layer_that_the_library_has_not_is_refused(hook, options, says, attached):
    with pytest.raises(RecipeError, match=says):
        attached("pytorch_adapt", hook=hook, options=options)


def test_negative_weights_are_refused():
    for option in ({"weight": -1.0}, {"target_weight": -1.0}, {"hidden": 0}):
        with pytest.raises(RecipeError, match="expected weight, target_weight >= 0 and hidden >= 1"):
            PytorchAdapt(hook="BNMHook", **option)


def test_losses_and_algorithms_are_told_apart():
    assert set(runnable(losses=True)) | set(runnable(losses=False)) == set(HOOKS)
    assert "AdaBNHook" in runnable(losses=False)


PRETRAINED = {"pretraining": {"epochs": 1}}


@pytest.mark.parametrize(
    ("hook", "more", "says"),
    [
        ("ADDAHook", {}, "pretraining.epochs"),
        ("FinetunerHook", {}, "trained extractor"),
        ("AdaBNHook", {"recipe": {**PRETRAINED, "batch_statistics": "shared"}}, "batch_statistics: corpus"),
        ("AdaBNHook", {"recipe": PRETRAINED, "labelled": True}, "labelled_speakers: none"),
        ("MCDHook", {"shared": False, "labelled": True}, "heads: shared"),
    ],
)
def test_what_a_hook_needs_is_asked_for(hook, more, says, attached):
    with pytest.raises(RecipeError, match=says):
        attached("pytorch_adapt", hook=hook, **{"labelled": False, **more})


@pytest.mark.parametrize(
    ("hook", "options"),
    [
        ("CDANHook", {}),
        ("DANNHook", {"use_logits": True}),
        ("AlignerHook", {"layer": "logits"}),
        ("DANNHook", {"post_g": ["JointAlignerHook"]}),
    ],
)
def test_predictions_of_different_classes_are_not_compared(hook, options, attached, domain):
    corpora = {"a": domain("a", classes=("x", "y", "z")), "b": domain("b", seed=2)}
    with pytest.raises(RecipeError, match="same classes in all corpora"):
        attached("pytorch_adapt", hook=hook, domains=corpora, shared=False, options=options)
