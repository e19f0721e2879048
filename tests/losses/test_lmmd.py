"""LMMD against numpy from the formula and its relation to MMD."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax

from losses import LMMD
from losses.lmmd import lmmd
from losses.mmd import mmd


def sample(n=7, m=5, d=3, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64)
    target = torch.randn(m, d, generator=generator, dtype=torch.float64) + 0.5
    labels = torch.randint(0, classes - 1, (n,), generator=generator)  # the last class is missing
    logits = torch.randn(m, classes, generator=generator, dtype=torch.float64)
    return source, target, labels, logits


def from_the_formula(source, target, labels, logits, bandwidth):
    s, t, y, p = source.numpy(), target.numpy(), labels.numpy(), softmax(logits.numpy(), 1)

    def k(a, b):
        return sum(np.exp(-cdist(a, b, "sqeuclidean") / (bandwidth * 2.0 ** (u - 2))) for u in range(5))

    total = 0.0
    for c in np.unique(y):
        v = (y == c) / (y == c).sum()
        w = p[:, c] / p[:, c].sum()
        total += v @ k(s, s) @ v + w @ k(t, t) @ w - 2 * v @ k(s, t) @ w
    return total / len(np.unique(y))


@pytest.mark.parametrize("seed", range(3))
def test_value_is_that_of_the_formula(seed):
    made = sample(seed=seed)
    assert LMMD(bandwidth=2.0)(*made).item() == pytest.approx(from_the_formula(*made, 2.0), abs=1e-12)


def test_one_class_gives_mmd():
    source, target, _, _ = sample()
    logits = torch.zeros(5, 2, dtype=torch.float64)
    value = lmmd(source, target, torch.zeros(7, dtype=torch.long), logits)
    torch.testing.assert_close(value, mmd(source, target))


def test_class_that_no_target_row_is_given_costs_no_nan():
    source, target, labels, _ = sample()
    logits = torch.zeros(5, 4, dtype=torch.float64)
    logits[:, 0] = 2000.0
    assert lmmd(source, target, labels, logits).isfinite()


def test_predictions_are_constants_in_the_gradient():
    source, target, labels, logits = sample()
    value = lmmd(source.requires_grad_(), target, labels, logits.requires_grad_())
    assert torch.autograd.grad(value, logits, allow_unused=True) == (None,)


def test_classes_that_meet_class_by_class_cost_less_than_crossed_ones():
    source = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    labels = torch.tensor([0, 0, 1, 1])
    logits = torch.tensor([[9.0, 0.0]] * 2 + [[0.0, 9.0]] * 2)
    assert lmmd(source, source, labels, logits) < 0.01
    assert lmmd(source, source, labels, logits.flip(1)) > 1


def test_labels_and_logits_that_do_not_fit_are_refused():
    source, target, labels, logits = sample()
    with pytest.raises(ValueError, match="labels run from"):
        lmmd(source, target, labels + 4, logits)
    with pytest.raises(ValueError, match="4 rows of target logits for 5"):
        lmmd(source, target, labels, logits[:4])
