"""Hausdorff divergence against numpy from the formula, and its limits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from losses.energy import energy_distance
from losses.hausdorff import hausdorff_divergence


def sample(n=6, m=8, d=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return source, torch.randn(m, d, generator=generator, dtype=torch.float64) + 1


def from_the_formula(s, t, power, blur):
    epsilon = blur**power

    def extend(potential, rows, x):
        exponents = (potential[None] - cdist(x, rows) ** power / power) / epsilon
        return -epsilon * (logsumexp(exponents, axis=1) - np.log(len(rows)))

    def fixed_point(rows):
        potential = np.zeros(len(rows))
        for _ in range(3000):
            potential = (potential + extend(potential, rows, rows)) / 2
        return potential

    f, g = fixed_point(s), fixed_point(t)
    on_source = extend(g, t, s) - extend(f, s, s)
    on_target = extend(f, s, t) - extend(g, t, t)
    return (on_source.mean() + on_target.mean()) / 2


@pytest.mark.parametrize(("power", "blur"), [(2, 1.0), (2, 0.3), (1, 1.0), (1, 0.1)])
def test_value_is_that_of_the_formula(power, blur):
    source, target = sample()
    value = hausdorff_divergence(source, target, power=power, blur=blur)
    assert value.item() == pytest.approx(from_the_formula(source.numpy(), target.numpy(), power, blur), rel=1e-6)


def test_small_blur_gives_the_mean_distance_to_the_nearest_row():
    source, target = sample()
    nearest = cdist(source, target)
    expected = (nearest.min(1).mean() + nearest.min(0).mean()) / 2
    # The potential on a sample itself is epsilon times the logarithm of a number of rows: small, not zero.
    assert hausdorff_divergence(source, target, power=1, blur=1e-4).item() == pytest.approx(expected, rel=1e-3)


def test_large_blur_gives_the_energy_distance():
    source, target = sample()
    expected = energy_distance(source, target).item()
    assert hausdorff_divergence(source, target, power=1, blur=1e4).item() == pytest.approx(expected, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 2]), st.floats(0.1, 10), st.integers(0, 10**6))
def test_it_is_not_negative(n, m, power, blur, seed):
    assert hausdorff_divergence(*sample(n, m, seed=seed), power=power, blur=blur) > -1e-9


@pytest.mark.parametrize(
    ("option", "match"),
    [({"power": 3}, "power is 3"), ({"blur": 0.0}, "blur is 0.0"), ({"iterations": 0}, "iterations is 0")],
)
def test_options_out_of_range_are_refused(option, match):
    with pytest.raises(ValueError, match=match):
        hausdorff_divergence(torch.rand(3, 2), torch.rand(3, 2), **option)
