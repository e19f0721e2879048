"""MCC against numpy from the formula and pytorch-adapt."""

import warnings

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from losses import MCC
from losses.mcc import minimum_class_confusion


def sample():
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_value_is_that_of_the_formula(temperature):
    logits = sample()
    p = softmax(logits.detach().numpy() / temperature, 1)
    sureness = 1 + np.exp(-scipy_entropy(p, axis=1))
    w = 7 * sureness / sureness.sum()
    c = np.einsum("i,ik,il->kl", w, p, p)
    c /= c.sum(1, keepdims=True)
    assert MCC(temperature=temperature)(logits).item() == pytest.approx((c.sum() - np.trace(c)) / 4)


def test_value_and_gradient_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import MCCLoss
    logits = sample()
    value, expected = minimum_class_confusion(logits), MCCLoss(T=2.5)(logits)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, logits), torch.autograd.grad(expected, logits))


def test_gradient_is_that_of_the_formula_with_constant_weights():
    logits = sample()
    p = (logits / 2.5).softmax(1)
    w = 1 + torch.exp((p * p.log()).sum(1)).detach()
    w = 7 * w / w.sum()
    c = torch.einsum("i,ik,il->kl", w, p, p)
    expected = 1 - (c / c.sum(1, keepdim=True)).trace() / 4
    wanted = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(torch.autograd.grad(minimum_class_confusion(logits), logits), wanted)


def test_class_without_mass_costs_no_nan():
    logits = torch.tensor([[0.0, 1.0, -1e5], [0.0, 0.5, -1e5]], requires_grad=True)
    value = minimum_class_confusion(logits)
    assert value.isfinite()
    assert torch.autograd.grad(value, logits)[0].isfinite().all()


def test_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        MCC(temperature=0.0)
