"""MDD against numpy from the formula, and the game of its two classifiers."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from losses import MDD
from losses.mdd import margin_disparity


def scores(n, seed, classes=3):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("margin", [1.0, 4.0])
def test_value_is_that_of_the_formula(margin):
    f_s, a_s, f_t, a_t = scores(5, 0), scores(5, 1), scores(7, 2), scores(7, 3)
    agree = -log_softmax(a_s.numpy(), 1)[np.arange(5), f_s.numpy().argmax(1)].mean()
    p = softmax(a_t.numpy(), 1)[np.arange(7), f_t.numpy().argmax(1)]
    expected = margin * agree - np.log(1 - p).mean()
    assert margin_disparity(f_s, a_s, f_t, a_t, margin=margin).item() == pytest.approx(expected)


def test_adversary_that_is_certain_of_the_same_class_costs_no_infinity():
    f_t = torch.tensor([[1.0, 0.0]])
    adversary = torch.tensor([[200.0, 0.0]], requires_grad=True)
    value = margin_disparity(f_t, f_t, f_t, adversary, margin=1.0)
    assert value.item() == pytest.approx(200.0 + np.log(1 + np.exp(-1)))
    assert torch.autograd.grad(value, adversary)[0].isfinite().all()


def test_features_are_pushed_against_what_the_adversary_learns():
    torch.manual_seed(0)
    mdd = MDD(4, 3, hidden=8).double()
    source, target = torch.randn(5, 4).double().requires_grad_(), torch.randn(6, 4).double()
    logits = scores(5, 0), scores(6, 1)
    plain = margin_disparity(logits[0], mdd.output(mdd.body(source)), logits[1], mdd.output(mdd.body(target)))
    value = mdd(source, target, *logits, strength=0.3)
    torch.testing.assert_close(value, plain)
    wanted = [source, mdd.output.weight]
    ours, theirs = torch.autograd.grad(value, wanted), torch.autograd.grad(plain, wanted)
    torch.testing.assert_close(ours[0], -0.3 * theirs[0])
    torch.testing.assert_close(ours[1], theirs[1])


def test_options_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="margin is 0"):
        MDD(4, 3, margin=0.0)
    with pytest.raises(ValueError, match="classes=1"):
        MDD(4, 1)
    with pytest.raises(ValueError, match="the adversary's"):
        margin_disparity(scores(5, 0), scores(4, 0), scores(5, 0), scores(5, 0))
