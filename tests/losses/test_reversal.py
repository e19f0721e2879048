"""Gradient reversal: forward the identity, backward the negative, nothing counted."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from losses import GradientReversal, reversal_strength, reverse_gradient


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 5.0])
def test_forward_is_the_identity_whatever_the_strength(strength):
    x = torch.randn(3, 4, 5)
    assert torch.equal(reverse_gradient(x, strength), x)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 5.0])
def test_gradient_is_turned_and_scaled(strength):
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 4, dtype=torch.float64)
    (grad,) = torch.autograd.grad((GradientReversal()(x, strength) * weights).sum(), x)
    torch.testing.assert_close(grad, -strength * weights)


def test_strength_does_not_grow_from_call_to_call():
    layer, x = GradientReversal(), torch.ones(1, requires_grad=True)
    grads = [torch.autograd.grad(layer(x, 0.5), x)[0].item() for _ in range(50)]
    assert grads == [-0.5] * 50
    assert layer.state_dict() == {}


def test_original_tensor_is_left_alone():
    x = torch.ones(2, requires_grad=True)
    (grad,) = torch.autograd.grad((reverse_gradient(x) + 3 * x).sum(), x)
    assert grad.tolist() == [2.0, 2.0]


def test_second_derivative_is_that_of_the_identity_times_the_strength():
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(reverse_gradient(x, 0.5) ** 3, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert first.item() == pytest.approx(-0.5 * 12)
    # The first gradient is -0.5 * 3 R(x)^2, and R(x) is reversed once more.
    assert second.item() == pytest.approx(0.5 * 0.5 * 12)


@given(st.floats(0, 1))
def test_schedule_is_that_of_the_paper(progress):
    assert reversal_strength(progress) == pytest.approx(2 / (1 + math.exp(-10 * progress)) - 1)


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_progress_outside_the_training_is_refused(progress):
    with pytest.raises(ValueError, match="progress is"):
        reversal_strength(progress)
