"""What holds for every augmentation in the table."""

import inspect

import pytest
import torch

import feature_extractors.augmentations as room
from feature_extractors.augmentations import AUGMENTATIONS, Augmentation

SHAPES = {"waveforms": (6, 1, 1600), "features": (6, 8, 60)}
OPTIONS = {"spec_augment": {"time_width": 10, "frequency_width": 3}, "speed": {"factors": [0.8, 1.25]}}


def build(name, **options):
    return AUGMENTATIONS[name](**OPTIONS.get(name, {}), **options)


def clips(augment):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(SHAPES[augment.domain], generator=generator)
    lengths = torch.linspace(x.shape[-1] // 3, x.shape[-1], len(x)).long()
    x *= (torch.arange(x.shape[-1]) < lengths[:, None])[:, None]
    return x, lengths


def apply(augment, seed=0):
    return augment(*clips(augment), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_it_is_documented_public_and_takes_options_by_keyword(name):
    cls = AUGMENTATIONS[name]
    assert issubclass(cls, Augmentation)
    assert cls.__name__ in room.__all__
    assert {"Example:", "Shape:", "Args:", "Raises:"} <= set(cls.__doc__.split())
    parameters = inspect.signature(cls).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
    assert "probability" in {p.name for p in parameters}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_padding_stays_zero_and_lengths_fit(name):
    augment = build(name)
    before = clips(augment)[0].clone()
    x, lengths = apply(augment)
    assert x.shape[:2] == before.shape[:2]
    assert lengths.shape == (len(before),)
    assert lengths.min() >= 1
    assert lengths.max() <= x.shape[-1]
    past = torch.arange(x.shape[-1]) >= lengths[:, None]
    assert x.transpose(1, 2)[past].abs().max() == 0
    assert not torch.equal(x, before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_input_is_left_as_it_was(name):
    augment = build(name)
    x, lengths = clips(augment)
    kept, counts = x.clone(), lengths.clone()
    augment(x, lengths, torch.Generator())
    assert torch.equal(x, kept)
    assert torch.equal(lengths, counts)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_generator_decides_and_nothing_else(name):
    augment = build(name)
    torch.manual_seed(1)
    first = apply(augment, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second, third = apply(augment, seed=5), apply(augment, seed=6)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].shape != third[0].shape or not torch.equal(first[0], third[0])
    assert torch.equal(torch.get_rng_state(), state), "the global state is the model's"


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_probability_zero_and_eval_mode_change_nothing(name):
    for augment in (build(name, probability=0.0), build(name).eval()):
        x, lengths = clips(augment)
        same, counts = apply(augment)
        assert torch.equal(same, x)
        assert torch.equal(counts, lengths)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_probability_is_the_share_of_clips_that_are_changed(name):
    if name == "mixup":  # a partner may be the clip itself, and alpha 0.2 often gives a share of 1
        return
    augment = build(name, probability=0.25)
    shape = SHAPES[augment.domain]
    x = torch.randn(1000, shape[1], 400)
    y, _ = augment(x, torch.full((1000,), 400), torch.Generator().manual_seed(3))
    changed = (y[..., :300] != x[..., :300]).flatten(1).any(1).float().mean()
    assert 0.2 < changed < 0.3 if name != "spec_augment" else 0.18 < changed < 0.3  # all its masks may be 0 wide


def test_a_probability_outside_the_unit_interval_is_refused():
    for name in AUGMENTATIONS:
        with pytest.raises(ValueError, match=r"probability is 1.5; expected a number in \[0, 1\]"):
            build(name, probability=1.5)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_numbers_and_lengths_stay_of_their_kind(name, dtype):
    augment = build(name)
    x, lengths = clips(augment)
    x, lengths = augment(x.to(dtype), lengths.int(), torch.Generator().manual_seed(0))
    assert (x.dtype, lengths.dtype) == (dtype, torch.int32)
