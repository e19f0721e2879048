"""SpecAugment: where it masks, and how much."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_extractors.augmentations import SpecAugment


def masked(options, lengths, channels=12, frames=100, seed=0):
    lengths = torch.as_tensor(lengths)
    x = torch.ones(len(lengths), channels, frames) * (torch.arange(frames) < lengths[:, None])[:, None]
    y, counts = SpecAugment(**options)(x, lengths, torch.Generator().manual_seed(seed))
    assert torch.equal(counts, lengths)
    return (x == 1) & (y == 0)


def runs(line):
    """Return the widths of the stretches of ones in a line."""
    edges = torch.diff(line.int(), prepend=torch.zeros(1).int(), append=torch.zeros(1).int())
    return ((edges == -1).nonzero() - (edges == 1).nonzero()).flatten().tolist()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 100), st.integers(0, 40), st.floats(0, 1), st.integers(0, 3), st.integers(0, 10**6))
def test_a_stretch_of_time_is_within_the_clip_no_wider_than_both_limits_and_goes_through_all_channels(
    length, width, share, masks, seed
):
    options = {"time_masks": masks, "time_width": width, "time_share": share, "frequency_masks": 0}
    (hit,) = masked(options, [length], seed=seed)
    assert torch.equal(hit.any(0), hit.all(0))
    stretches = runs(hit.all(0))
    widest = min(width, int(share * length))
    assert len(stretches) <= masks
    assert sum(stretches) <= masks * widest
    assert not hit[:, length:].any()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 11), st.integers(0, 3), st.integers(0, 10**6))
def test_a_band_of_channels_is_no_wider_than_its_limit_and_lasts_the_clip(width, masks, seed):
    (hit,) = masked({"time_masks": 0, "frequency_masks": masks, "frequency_width": width}, [70], seed=seed)
    bands = runs(hit[:, 0])
    assert len(bands) <= masks
    assert sum(bands) <= masks * width
    assert torch.equal(hit[:, :70].any(1), hit[:, :70].all(1))


def test_the_mean_masked_share_is_that_of_the_paper_for_long_and_for_short_clips():
    # t ~ U{0 ... w} has the mean w / 2; the width is the smaller of 20 frames and 0.2 of the clip.
    lengths = torch.tensor([100] * 3000 + [50] * 3000)
    options = {"time_masks": 1, "time_width": 15, "time_share": 0.2, "frequency_masks": 0}
    hit = masked(options, lengths, channels=2)[:, 0].float().sum(1)
    assert hit[:3000].mean() == pytest.approx(7.5, rel=0.03)
    assert hit[3000:].mean() == pytest.approx(5.0, rel=0.03)
    assert set(hit[3000:].tolist()) == set(range(11)), "every width from none to the widest"
    bands = masked({"time_masks": 0, "frequency_masks": 1, "frequency_width": 6}, [3] * 3000)[:, :, 0].float()
    assert bands.sum(1).mean() == pytest.approx(3.0, rel=0.04)


def test_masks_begin_anywhere_that_they_fit():
    options = {"time_masks": 1, "time_width": 4, "time_share": 1.0, "frequency_masks": 0}
    hit = masked(options, [10] * 6000, channels=2, frames=12)[:, 0].float()
    assert (hit[:, :10].mean(0) > 0.02).all(), "first and last frames too"


def test_clips_of_a_batch_are_masked_apart():
    hit = masked({}, [100, 100])
    assert not torch.equal(hit[0], hit[1])


@pytest.mark.parametrize("options", [{"time_masks": -1}, {"time_share": 1.1}, {"frequency_width": -2}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="expected >= 0, and a share"):
        SpecAugment(**options)


def test_a_band_as_wide_as_the_features_is_refused():
    with pytest.raises(ValueError, match="can mask all 6 channels"):
        masked({"frequency_width": 6}, [10], channels=6)
