"""Energy distance against scipy and geomloss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import energy_distance as scipy_energy_distance

from losses.energy import energy_distance


def sample(n, m, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64, requires_grad=True)
    return source, (torch.randn(m, d, generator=generator, dtype=torch.float64) * 2 + 1).requires_grad_()


@pytest.mark.parametrize(("n", "m"), [(5, 5), (4, 9), (1, 3)])
def test_value_on_a_line_is_that_of_scipy(n, m):
    source, target = sample(n, m, 1)
    # scipy gives the root of 2 E|s - t| - E|s - s'| - E|t - t'|.
    expected = scipy_energy_distance(source.detach().ravel(), target.detach().ravel()) ** 2 / 2
    assert energy_distance(source, target).item() == pytest.approx(expected)


def test_value_and_gradient_agree_with_geomloss():
    from geomloss import SamplesLoss

    source, target = sample(6, 8, 4)
    value, expected = energy_distance(source, target), SamplesLoss("energy", backend="tensorized")(source, target)
    # geomloss keeps distances above 1e-4, that of a row to itself too.
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-4)
    wanted = torch.autograd.grad(expected, (source, target))
    for a, b in zip(torch.autograd.grad(value, (source, target)), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.floats(0.01, 100), st.integers(0, 10**6))
def test_it_is_not_negative_and_scales_with_the_features(n, m, scale, seed):
    source, target = sample(n, m, 3, seed=seed)
    value = energy_distance(source, target)
    assert value > -1e-12
    torch.testing.assert_close(energy_distance(scale * source, scale * target), scale * value)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_float32_stays_near_float64(offset):
    source, target = (tensor.detach().float() + offset for tensor in sample(60, 40, 200))
    exact = energy_distance(source.double(), target.double()).item()
    assert energy_distance(source, target).item() == pytest.approx(exact, rel=1e-4)


def test_equal_samples_cost_exactly_nothing_in_float32():
    source = torch.randn(20, 300)
    assert energy_distance(source, source.clone()).abs() < 1e-6 * np.sqrt(300)
