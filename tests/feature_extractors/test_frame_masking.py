"""Masking of input frames."""

import pytest
import torch

from feature_extractors.frame_masking import FrameMasking


def test_whole_frames_are_masked_at_the_share_asked_and_others_stay():
    x = torch.randn(50, 4, 200) + 10
    y = FrameMasking(0.2)(x)
    masked = (y == 0).all(1)
    assert torch.equal((y == 0).any(1), masked)
    assert 0.18 < masked.float().mean() < 0.22
    assert torch.equal(y.transpose(1, 2)[~masked], x.transpose(1, 2)[~masked])
    assert not torch.equal(masked[0], masked[1])


def test_evaluation_and_share_zero_mask_nothing():
    x = torch.randn(2, 4, 50)
    assert torch.equal(FrameMasking(0.9).eval()(x), x)
    assert torch.equal(FrameMasking(0.0)(x), x)


def test_a_share_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"share is 1.0; expected a probability in \[0, 1\)"):
        FrameMasking(1.0)
