"""Laws of the frames that extractors hand to heads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_extractors.frames import Frames, reverse_time, valid_frames, zero_padding

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@settings(deadline=None, max_examples=30)
@given(LENGTHS)
def test_reversal_turns_each_clip_within_its_own_length(lengths):
    frames = max(lengths)
    x = torch.randn(len(lengths), 3, frames)
    valid = valid_frames(torch.tensor(lengths), clips=len(lengths), frames=frames)
    y = reverse_time(x, valid)
    for n, length in enumerate(lengths):
        np.testing.assert_array_equal(y[n, :, :length], x[n, :, :length].numpy()[:, ::-1])
        np.testing.assert_array_equal(y[n, :, length:], x[n, :, length:])
    assert torch.equal(reverse_time(y, valid), x)


@settings(deadline=None, max_examples=30)
@given(LENGTHS)
def test_mask_counts_the_real_frames(lengths):
    valid = valid_frames(torch.tensor(lengths), clips=len(lengths), frames=10)
    assert valid.sum(1).tolist() == lengths
    assert (valid.int().diff(dim=1) <= 0).all()


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 4])])
def test_nothing_padded_needs_no_mask(lengths):
    assert valid_frames(lengths, clips=2, frames=4) is None


@pytest.mark.parametrize(
    ("lengths", "says"),
    [([0, 3], "from 0 to 3"), ([2, 5], "from 2 to 5"), ([1, 2, 3], r"shape \(3,\)"), ([[1], [2]], r"shape \(2, 1\)")],
)
def test_impossible_lengths_are_refused_with_their_values(lengths, says):
    with pytest.raises(ValueError, match=says):
        valid_frames(torch.tensor(lengths), clips=2, frames=4)


def test_zero_padding_takes_away_even_nan():
    x = torch.tensor([[[1.0, 2.0, float("nan")]]])
    valid = torch.tensor([[True, True, False]])
    assert zero_padding(x, valid).tolist() == [[[1.0, 2.0, 0.0]]]


def test_built_frames_are_zero_past_their_lengths():
    valid = torch.tensor([[True, False, False], [True, True, True]])
    frames = Frames.build(torch.ones(2, 2, 3), valid, torch.ones(2, 2, 3, 4))
    assert frames.lengths.tolist() == [1, 3]
    assert frames.features[0, :, 1:].abs().sum() == 0
    assert frames.scales[0, :, 1:].abs().sum() == 0
    assert frames.scales.sum() == 2 * 4 * 4
    assert torch.equal(frames.valid(), valid)


def test_built_frames_without_padding_have_full_lengths_and_no_mask():
    frames = Frames.build(torch.ones(2, 2, 3), None)
    assert frames.lengths.tolist() == [3, 3]
    assert frames.valid() is None


def test_a_batch_without_clips_has_no_lengths_to_refuse():
    mask = valid_frames(torch.zeros(0, dtype=torch.long), clips=0, frames=4)
    assert mask.shape == (0, 4)
