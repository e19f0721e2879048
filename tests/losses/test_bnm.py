"""BNM against numpy's nuclear norm and pytorch-adapt."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from losses.bnm import batch_nuclear_norm


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 10**6))
def test_value_is_that_of_numpy_and_within_its_bounds(n, classes, seed):
    logits = torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    value = batch_nuclear_norm(logits).item()
    assert value == pytest.approx(-np.linalg.norm(softmax(logits.numpy(), 1), "nuc") / n)
    assert -min(1, (classes / n) ** 0.5) - 1e-12 <= value < 0


def test_value_and_gradient_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import BNMLoss
    torch.manual_seed(0)
    logits = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    value, expected = batch_nuclear_norm(logits), BNMLoss()(logits)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, logits), torch.autograd.grad(expected, logits))


def test_sure_and_diverse_predictions_score_best():
    sure_and_diverse, sure, unsure = 100 * torch.eye(4), torch.tensor([[100.0, 0, 0, 0]] * 4), torch.zeros(4, 4)
    values = [batch_nuclear_norm(logits).item() for logits in (sure_and_diverse, sure, unsure)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(-1.0)
