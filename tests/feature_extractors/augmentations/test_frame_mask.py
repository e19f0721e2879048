"""Masking of frames as a transform of batches."""

import pytest
import torch

from feature_extractors.augmentations import FrameMask


def test_whole_frames_are_masked_at_the_share_asked_and_others_stay():
    x = torch.randn(50, 4, 200) + 10
    y, _ = FrameMask(share=0.2)(x, torch.full((50,), 200), torch.Generator().manual_seed(0))
    hit = (y == 0).all(1)
    assert torch.equal((y == 0).any(1), hit)
    assert 0.18 < hit.float().mean() < 0.22
    assert torch.equal(y.transpose(1, 2)[~hit], x.transpose(1, 2)[~hit])
    assert not torch.equal(hit[0], hit[1])


def test_a_share_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"share is 1.0; expected a probability in \[0, 1\)"):
        FrameMask(share=1.0)
