"""Augmentation in a recipe: what is refused, and where."""

import pytest

from transfer import check
from transfer.augmentation import augmentation_faults
from transfer.errors import RecipeError
from transfer.loading import load_recipe
from transfer.recipe import Recipe
from transfer.strategies import STRATEGIES

QUIET = ["tracking.kind=none", "training.monitor=false"]


def recipe_of(augment, **changes):
    tree = {"name": "a", "strategy": {"name": "scratch"}, "target": {"corpus": "modma"}, **changes}
    return Recipe.model_validate({**tree, "training": {"augment": augment}})


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "training.augment=[{name: spec_agument}]",
            r"augment.0.name: unknown augmentation 'spec_agument': did you mean 'spec_augment'",
        ),
        (
            "training.augment=[{name: noise, srn: [1, 2]}]",
            r"augment.0.srn: noise has no such option; did you mean 'snr'",
        ),
        ("training.augment=[{name: noise, snr: loud}]", r"training.augment.0.snr: .*\(got 'loud'\)"),
        (
            "training.augment=[{name: frame_mask}, {name: mixup}]",
            r"augment.1: mixup mixes labels as well, and strategy mmd",
        ),
        ("training.augment=[{name: 'torch.nn:ReLU'}]", r"augment.0: torch.nn:ReLU is no augmentation"),
    ],
)
def test_a_mistake_is_found_when_the_recipe_is_loaded(tiny, override, says):
    with pytest.raises(RecipeError, match=says):
        load_recipe(tiny, [override])


@pytest.mark.parametrize(
    ("augment", "says"),
    [
        ("{name: noise, snr: [30, 5]}", r"augment.0: noise: snr is \[30.*expected the lowest ratio first"),
        (
            "{name: spec_augment, frequency_width: 39, probability: 0.001}",
            r"augment.0: spec_augment: .*can mask all 39 channels",
        ),
    ],
)
def test_check_finds_values_that_do_not_suit(tiny, augment, says):
    with pytest.raises(RecipeError, match=says):
        check(tiny, [f"training.augment=[{augment}]"], synthetic=True)


@pytest.mark.parametrize("name", STRATEGIES)
def test_mixup_is_refused_where_batches_serve_more_than_the_task(name):
    faults = augmentation_faults(recipe_of([{"name": "mixup"}], strategy={"name": name}))
    alone = {"scratch", "source_only", "freeze", "finetune", "joint", "ddg", "ae", "semi", "meta", "self_training"} | {
        "moment_matching"
    }
    assert bool(faults) is (name not in alone)


def test_mixup_twice_is_refused():
    faults = augmentation_faults(recipe_of([{"name": "mixup"}, {"name": "frame_mask"}, {"name": "mixup"}]))
    assert list(faults) == ["training.augment.2"]


@pytest.mark.parametrize("transform", ["noise", "speed"])
def test_waveform_transforms_are_refused_where_they_cannot_be_heard(transform):
    for front_end in ("egemaps", "gmm_frames"):
        faults = augmentation_faults(recipe_of([{"name": transform}], frontend={"name": front_end}))
        assert "runs clip by clip on the processor" in faults["training.augment.0"]
        assert not augmentation_faults(recipe_of([{"name": "frame_mask"}], frontend={"name": front_end}))
    framed = {"corpus": "modma", "slices": {"version": "frames"}}
    faults = augmentation_faults(recipe_of([{"name": transform}], target=framed))
    assert "a label for every frame" in faults["training.augment.0"]
    assert not augmentation_faults(recipe_of([{"name": transform}]))
