"""Every number that a recipe may say is in its range, or refused by name before anything is trained."""

import math
import sys
from types import SimpleNamespace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from transfer.build import build_model, registries
from transfer.description import describe_extractor
from transfer.errors import RecipeError
from transfer.loading import Source, checked_recipe
from transfer.option_ranges import RANGES
from transfer.options import check_options, component_options
from transfer.recipe import Component
from transfer.rehearsal import rehearse

WAVES = {"frontend": {"name": "waveform"}}
TINY = {
    "extractors": {
        "cnn_lstm": {"channels": 8, **WAVES},
        "cnn_transformer_wave": {"channels": 8, **WAVES},
        "sincnet": {"filters": 4, "channels": [4], "widths": [8], "frame": 1600, **WAVES},
        "vggish_lstm": {"channels": [4, 4, 4, 4], "hidden": 8, "frontend": {"name": "log_mel", "bands": 64}},
        "frame_bilstm": {"units": 4, "width": 8},
        "frame_mlp": {"width": 8},
    }
}
REQUIRED = {"pytorch_adapt": {"hook": "CDANHook"}}
SECTIONS = {"extractors": "extractor", "frontends": "frontend", "heads": "head"}


def numbers(kind):
    """Return (component, option) of all options that take a number alone, or None with it."""
    found = []
    for name, cls in registries()[kind].items():
        for option, (hint, _) in component_options(cls).items():
            adapter = TypeAdapter(hint)
            try:
                adapter.validate_python(2, strict=True)
                found.append((name, option))
            except ValidationError as error:
                if error.errors()[0]["type"] == "less_than":  # a share
                    found.append((name, option))
    return found


def recipe(kind, name, **options):
    """Return a checked recipe of half a second's clips with one small component."""
    tree = {"name": "a", "strategy": {"name": "scratch"}, "target": {"corpus": "b", "slices": {"seconds": 0.5}}}
    section = {**TINY.get(kind, {}).get(name, {}), "name": name, **options}
    if "frontend" in section:
        tree["frontend"] = section.pop("frontend")
    return checked_recipe({**tree, SECTIONS[kind]: section}, Source({"": "mine"}))


def refusal(kind, name, **options):
    """Return why a component is refused, or '' where a clip passes it."""
    try:
        chosen = recipe(kind, name, **options)
        if kind == "heads":
            build_model(chosen, in_channels=39, classes={"b": ("x", "y")})
        else:
            rehearse(chosen)
    except RecipeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_number_that_does_not_suit_is_refused_by_name_and_any_other_runs(kind):
    tried = numbers(kind)
    assert len(tried) > {"extractors": 90, "frontends": 20, "heads": 5}[kind], tried
    said = [refusal(kind, name, **{option: value}) for name, option in tried for value in (0, -1, math.nan)]
    refused = [message for message in said if message]
    assert all(SECTIONS[kind] in message for message in refused)
    assert len(tried) * 2 <= len(refused) < len(said), "zeros that mean something run"


@pytest.mark.parametrize("kind", registries())
def test_the_loader_takes_no_number_that_is_not_finite_and_no_whole_one_below_zero(kind):
    table = registries()[kind]
    for name, option in numbers(kind):
        kind_of = component_options(table[name])[option][0]
        whole = "integer" in str(TypeAdapter(kind_of).json_schema())
        for value in (math.nan, math.inf, *([-1] if whole else [])):
            given = Component(name=name, **REQUIRED.get(name, {}), **{option: value})
            with pytest.raises(RecipeError, match=rf"here: section\.{option}: "):
                check_options("section", given, table, Source({"": "here"}))


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("extractors", "at_tim", {"feedforward": 0, "dropout": 0}),
        ("extractors", "frame_mlp", {"layers": 0}),
        ("extractors", "cnn_lstm", {"dnn": []}),
        ("extractors", "at_delta_tim", {"masked": 0.0}),
        ("frontends", "gmm_frames", {"seed": 0}),
        ("losses", "cdan", {"random_products": 0, "label_smoothing": 0.0}),
        ("losses", "afn", {"step": 0, "radius": None}),
        ("losses", "information_maximisation", {"diversity_weight": -0.5}),
        ("augmentations", "spec_augment", {"time_masks": 0, "frequency_width": 0}),
        ("augmentations", "noise", {"snr": [-5, 0]}),
        ("strategies", "finetune", {"unfreeze_every": 0}),
        ("strategies", "alignment", {"losses": [{"name": "mmd", "weight": 0}]}),
    ],
)
def test_zeros_and_negative_numbers_that_mean_something_are_taken(kind, name, options):
    check_options("section", Component(name=name, **options), registries()[kind], Source({"": "here"}))


def test_numbers_inside_of_lists_have_the_range_too():
    with pytest.raises(RecipeError, match=r"widths\.1: Input should be greater than or equal to 1 \(got 0\)"):
        describe_extractor("functionals", ["widths=[8, 0]"])


def test_every_named_range_is_of_an_option_that_there_is():
    options = {name for table in registries().values() for cls in table.values() for name in component_options(cls)}
    assert set(RANGES) <= options


def test_a_class_of_ones_own_says_its_ranges_itself():
    class Shifted(nn.Module):
        def __init__(self, *, offset: int = -1, most: float = math.inf) -> None:
            super().__init__()

    assert component_options(Shifted) == {"offset": (int, -1), "most": (float, math.inf)}


class Divides(nn.Module):
    """Fails as torch and Python do: in the constructor, or at the first clip."""

    def __init__(self, *, in_channels: int, by: int = 0, late: bool = False) -> None:
        super().__init__()
        self.dim, self.by = in_channels, by
        if not late:
            nn.Linear(in_channels, -1)

    def forward(self, x, lengths=None):
        """Divide."""
        return 1 // self.by


def test_errors_of_torch_in_a_constructor_and_at_the_first_clip_name_the_component(monkeypatch):
    monkeypatch.setitem(sys.modules, "mine", SimpleNamespace(Divides=Divides))
    for late, message in (("false", "extractor: mine:Divides: .*negative dimension"), ("true", "division")):
        with pytest.raises(RecipeError, match=message):
            describe_extractor("mine:Divides", [f"late={late}"])
        with pytest.raises(RecipeError, match=message):
            rehearse(recipe("extractors", "mine:Divides", late=late == "true"))


def test_a_front_end_whose_features_are_not_finite_is_refused(monkeypatch):
    from feature_extractors.frontends import MFCC

    monkeypatch.setattr(MFCC, "single", lambda self, wave: torch.full((39, 4), math.nan))
    with pytest.raises(RecipeError, match="frontend: mfcc: a second of noise gives features that are not finite"):
        rehearse(recipe("frontends", "mfcc"))


def test_rehearsing_leaves_the_draws_of_the_run_as_they_are():
    before = torch.get_rng_state()
    rehearse(recipe("extractors", "tim"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("frontend.hop=0", "frontend.hop: Input should be greater than or equal to 1 (got 0)"),
        ("extractor.dropout=.nan", "extractor.dropout: Input should be a finite number (got nan)"),
        ("training.optimizer.lr=.inf", "training.optimizer.lr: Input should be a finite number (got inf)"),
        ("training.rates={extractor: .inf}", "cannot be negative or infinite"),
        ("training.seed=-1", "training.seed: Input should be greater than or equal to 0 (got -1)"),
        ("compute.threads=100000", "compute.threads: Input should be less than or equal to 1024 (got 100000)"),
        ("target.slices.overlap=3.9999999", "begin 1e-07 s after one another; expected at least 0.01 s"),
        ("extractor={name: frame_mlp, neighbours: 999}", "extractor: frame_mlp: a window of 63 frames was given"),
    ],
)
def test_check_finds_a_number_out_of_range_and_exits_with_2(word, says, command, tiny):
    code, out, err = command("check", tiny, "--synthetic", word)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_run_finds_what_no_clip_passes_before_it_reads_features(command, tiny):
    words = ["extractor={name: frame_mlp, neighbours: 999}", "tracking.kind=none"]
    code, _, err = command("run", tiny, "--synthetic", *words)
    assert code == 2
    assert "extractor: frame_mlp: a window of 63 frames" in err
