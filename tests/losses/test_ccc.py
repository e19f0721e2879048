"""CCC against numpy from the formula, and its special cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.ccc import concordance_loss


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 3), st.floats(-5, 5), st.integers(0, 10**6))
def test_value_is_that_of_the_formula(n, scales, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    p, y = torch.randn(2, n, scales, generator=generator, dtype=torch.float64)
    p = 2 * p + shift
    losses = []
    for a, b in zip(p.T.numpy(), y.T.numpy(), strict=True):
        covariance = np.cov(a, b, bias=True)
        losses.append(1 - 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + (a.mean() - b.mean()) ** 2))
    assert concordance_loss(p, y).item() == pytest.approx(np.mean(losses))


def test_scores_of_one_scale_may_come_as_a_row():
    p, y = torch.rand(5), torch.rand(5)
    torch.testing.assert_close(concordance_loss(p, y), concordance_loss(p[:, None], y[:, None]))


def test_right_order_with_a_wrong_unit_is_not_perfect():
    y = torch.tensor([0.0, 5.0, 10.0])
    assert concordance_loss(y, y) == 0
    assert concordance_loss(y + 5, y) > 0.2
    assert concordance_loss(3 * y, y) > 0.2


def test_constants_agree_with_their_like_only():
    constant = torch.full((4,), 3.0, requires_grad=True)
    assert concordance_loss(constant, torch.full((4,), 3.0)).item() == 0.0
    assert concordance_loss(constant, torch.full((4,), 4.0)).item() == 1.0
    value = concordance_loss(constant, torch.tensor([1.0, 2.0, 4.0, 5.0]))
    assert value.item() == 1.0
    assert torch.autograd.grad(value, constant)[0].isfinite().all()


def test_integer_scores_are_taken_as_numbers():
    assert concordance_loss(torch.tensor([1.0, 2.0]), torch.tensor([1, 2])).item() == 0.0


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((0,), (0,)), ((2, 2, 2), (2, 2, 2))])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="expected one shape"):
        concordance_loss(*map(torch.zeros, shapes))
