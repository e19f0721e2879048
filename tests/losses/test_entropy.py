"""Entropy losses against scipy and pytorch-adapt."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from losses.entropy import diversity, entropy, information_maximisation


def sample(n, classes, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, classes, generator=generator, dtype=torch.float64) * scale


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.floats(0.1, 100), st.integers(0, 10**6))
def test_values_are_those_of_scipy(n, classes, scale, seed):
    logits = sample(n, classes, scale, seed)
    p = softmax(logits.numpy(), 1)
    assert entropy(logits).item() == pytest.approx(scipy_entropy(p, axis=1).mean(), abs=1e-12)
    assert diversity(logits).item() == pytest.approx(-scipy_entropy(p.mean(0)), abs=1e-12)


def test_values_and_gradients_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import DiversityLoss, EntropyLoss
    logits = sample(7, 4).requires_grad_()
    for ours, theirs in ((entropy, EntropyLoss()), (diversity, DiversityLoss())):
        value, expected = ours(logits), theirs(logits)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(torch.autograd.grad(value, logits), torch.autograd.grad(expected, logits))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 10**6))
def test_information_is_between_zero_and_the_logarithm_of_the_classes(n, classes, seed):
    value = information_maximisation(sample(n, classes, 5.0, seed)).item()
    assert -np.log(classes) - 1e-12 <= value <= 1e-12


def test_weight_of_the_diversity_is_used():
    logits = sample(5, 3)
    expected = entropy(logits) + 0.3 * diversity(logits)
    torch.testing.assert_close(information_maximisation(logits, diversity_weight=0.3), expected)


def test_class_that_nobody_predicts_costs_no_nan():
    logits = torch.tensor([[0.0, -1e6], [0.0, -1e6]], requires_grad=True)
    for loss in (entropy, diversity):
        value = loss(logits)
        assert value.item() == 0.0
        assert torch.autograd.grad(value, logits)[0].isfinite().all()
