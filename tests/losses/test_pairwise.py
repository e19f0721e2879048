"""Distances of pairs and their median, against scipy and numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from losses.pairwise import distances, median_of_pairs, pairs_like, squared_distances


def lower_median(values):
    return np.sort(values)[(len(values) - 1) // 2]


def test_squared_distances_agree_with_scipy():
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    pairs = squared_distances(x, y)
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(pairs.xx.numpy()[off], cdist(x, x, "sqeuclidean")[off])
    np.testing.assert_allclose(pairs.xy, cdist(x, y, "sqeuclidean"))
    assert pairs.xx.diagonal().isposinf().all()
    assert pairs.yy.diagonal().isposinf().all()


def test_rounding_takes_no_squared_distance_below_zero():
    rows = torch.randn(60, 200) + 100
    assert squared_distances(rows, rows.clone()).flat.min() >= 0


def test_matrices_of_pairs_share_memory_with_the_flat_row():
    pairs = pairs_like(torch.zeros(2 * 2 + 2 * 3 + 3 * 3), 2, 3)
    pairs.xy[1, 2] = 7
    assert pairs.flat[2 * 2 + 5] == 7


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_median_counts_each_distinct_pair_once(n, m, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 4, (n, 2), generator=generator).double()  # with ties
    y = torch.randint(0, 4, (m, 2), generator=generator).double()
    expected = lower_median(pdist(torch.cat([x, y]), "sqeuclidean"))
    assert median_of_pairs(squared_distances(x, y)).item() == pytest.approx(expected)


def test_median_is_the_same_without_numpy(monkeypatch):
    pairs = squared_distances(torch.randn(7, 2), torch.randn(8, 2))
    expected = median_of_pairs(pairs)

    def missing(_):
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch.Tensor, "numpy", missing)
    assert torch.equal(median_of_pairs(pairs), expected)


def test_median_leaves_the_pairs_in_their_order():
    pairs = squared_distances(torch.randn(7, 2), torch.randn(8, 2))
    before = pairs.flat.clone()
    median_of_pairs(pairs)
    assert torch.equal(pairs.flat, before)


@pytest.mark.parametrize("power", [1, 2])
def test_distances_and_their_gradient_agree_with_scipy_and_cdist(power):
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    value = distances(x, y, power=power)
    np.testing.assert_allclose(value.detach(), cdist(x.detach(), y.detach()) ** power)
    weights = torch.randn(5, 4, dtype=torch.float64)
    expected = torch.autograd.grad((torch.cdist(x, y) ** power * weights).sum(), (x, y))
    for a, b in zip(torch.autograd.grad((value * weights).sum(), (x, y)), expected, strict=True):
        torch.testing.assert_close(a, b)


def test_rows_at_one_place_are_at_distance_zero_and_pull_nowhere():
    x = torch.full((3, 50), 0.1, requires_grad=True)
    for y in (x, x.detach().clone()):
        value = distances(x, y)
        assert not value.any()
        (grad,) = torch.autograd.grad(value.sum(), x)
        assert not grad.any()
