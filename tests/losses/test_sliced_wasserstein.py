"""Sliced Wasserstein against scipy and POT."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from losses import SlicedWasserstein
from losses.sliced_wasserstein import random_directions, sliced_wasserstein

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # POT has escape sequences that Python is about to refuse
    import ot


def sample(n, m, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return source, torch.randn(m, d, generator=generator, dtype=torch.float64) + 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_value_on_a_line_is_that_of_scipy_for_any_sizes(n, m, seed):
    source, target = sample(n, m, 1, seed)
    value = sliced_wasserstein(source, target, torch.ones(1, 1), power=1.0)
    assert value.item() == pytest.approx(wasserstein_distance(source.ravel(), target.ravel()))


@pytest.mark.parametrize(("n", "m"), [(8, 8), (8, 12), (5, 7)])
def test_value_is_that_of_pot(n, m):
    source, target = sample(n, m, 4)
    directions = random_directions(4, 20, like=source)
    expected = ot.sliced_wasserstein_distance(source.numpy(), target.numpy(), projections=directions.numpy()) ** 2
    assert sliced_wasserstein(source, target, directions).item() == pytest.approx(expected)


def test_gradient_for_unequal_sizes_is_the_slope():
    source, target = sample(5, 7, 3)
    directions = random_directions(3, 4, like=source)
    inputs = source.requires_grad_(), target.requires_grad_()
    assert torch.autograd.gradcheck(lambda s, t: sliced_wasserstein(s, t, directions), inputs)


def test_directions_are_spread_evenly():
    directions = random_directions(3, 20000, like=torch.zeros(1), generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(directions @ directions.T / 20000, np.eye(3) / 3, atol=0.01)


def test_many_directions_give_the_distance_of_shifted_copies():
    source, _ = sample(50, 50, 4)
    torch.manual_seed(0)
    # Of a shift, the mean over directions of the squared projection is |shift|^2 / d.
    value = SlicedWasserstein(projections=20000)(source, source + 3)
    assert value.item() == pytest.approx(9.0, rel=0.03)


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"power is 0\.5"):
        SlicedWasserstein(power=0.5)
    with pytest.raises(ValueError, match="projections is 0"):
        SlicedWasserstein(projections=0)
    with pytest.raises(ValueError, match="directions have shape"):
        sliced_wasserstein(torch.rand(3, 2), torch.rand(3, 2), torch.ones(3, 4))
