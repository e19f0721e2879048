"""Reconstruction losses: padding has no influence, clips no say beyond their frames."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses import ReconstructionLoss
from losses.reconstruction import reconstruction_loss


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.sampled_from([1, 2]), st.integers(0, 10**6))
def test_value_is_the_mean_over_the_frames_that_there_are(lengths, norm, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, len(lengths), 3, 2, 6, generator=generator, dtype=torch.float64)
    frames = [np.abs((x - y).numpy()[i, ..., :length]) ** norm for i, length in enumerate(lengths)]
    errors = np.concatenate([f.ravel() for f in frames])
    value = ReconstructionLoss(norm=norm)(x, y, torch.tensor(lengths))
    assert value.item() == pytest.approx(errors.mean() if errors.size else 0.0)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("garbage", [0.0, 1e30, float("nan"), float("inf")])
def test_what_stands_in_the_padding_has_no_influence(norm, garbage):
    lengths = torch.tensor([2, 4])
    x, y = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    expected = reconstruction_loss(x, y, lengths, norm=norm)
    x[0, :, 2:] = garbage
    y[0, :, 2:] = -garbage
    x.requires_grad_()
    value = reconstruction_loss(x, y, lengths, norm=norm)
    assert torch.equal(value, expected)
    (grad,) = torch.autograd.grad(value, x)
    assert not grad[0, :, 2:].any()
    assert grad[0, :, :2].all()


@pytest.mark.parametrize("norm", [1, 2])
def test_without_lengths_it_is_the_loss_of_torch(norm):
    x, y = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    expected = torch.nn.functional.l1_loss(x, y) if norm == 1 else torch.nn.functional.mse_loss(x, y)
    torch.testing.assert_close(reconstruction_loss(x, y, norm=norm), expected)
    torch.testing.assert_close(reconstruction_loss(x, y, torch.tensor([4, 4]), norm=norm), expected)


def test_options_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="norm is 3"):
        ReconstructionLoss(norm=3)
    with pytest.raises(ValueError, match="norm is 3"):
        reconstruction_loss(torch.rand(2, 3), torch.rand(2, 3), norm=3)
    with pytest.raises(ValueError, match="expected one shape"):
        reconstruction_loss(torch.rand(2, 3), torch.rand(2, 4))
    with pytest.raises(ValueError, match="lengths have shape"):
        reconstruction_loss(torch.rand(2, 3), torch.rand(2, 3), torch.tensor([3]))
