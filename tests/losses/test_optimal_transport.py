"""Sinkhorn divergence against POT and scipy."""

import sys
import warnings

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from losses.optimal_transport import sinkhorn_divergence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # POT has escape sequences that Python is about to refuse
    import ot


def sample(n=9, m=7, d=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64, requires_grad=True)
    return source, (torch.randn(m, d, generator=generator, dtype=torch.float64) + 1).requires_grad_()


def entropic_cost(s, t, power, blur):
    """Value of the entropic problem, with the relative entropy to the product of the margins, by POT."""
    cost = cdist(s, t) ** power / power
    a, b = np.full(len(s), 1 / len(s)), np.full(len(t), 1 / len(t))
    epsilon = blur**power
    plan = ot.sinkhorn(a, b, cost, epsilon, method="sinkhorn_log", numItermax=20000, stopThr=1e-9)
    return (plan * cost).sum() + epsilon * (plan * np.log(plan / np.outer(a, b))).sum()


@pytest.mark.parametrize(("power", "blur"), [(2, 1.0), (2, 0.7), (1, 0.7)])
def test_value_is_that_of_pot(power, blur):
    source, target = sample()
    s, t = source.detach().numpy(), target.detach().numpy()
    expected = (
        entropic_cost(s, t, power, blur) - (entropic_cost(s, s, power, blur) + entropic_cost(t, t, power, blur)) / 2
    )
    value = sinkhorn_divergence(source, target, power=power, blur=blur, scaling=0.98)
    assert value.item() == pytest.approx(expected, rel=2e-3)


def test_small_blur_gives_the_wasserstein_distance_of_scipy():
    source, target = sample(d=1)
    expected = wasserstein_distance(source.detach().ravel(), target.detach().ravel())
    value = sinkhorn_divergence(source, target, power=1, blur=1e-3, scaling=0.99)
    assert value.item() == pytest.approx(expected, rel=5e-3)


def test_gradient_is_nearly_the_slope_of_the_value():
    source, target = sample()

    def value(rows):
        return sinkhorn_divergence(rows, target, blur=0.5, scaling=0.98)

    (grad,) = torch.autograd.grad(value(source), source)
    slopes = torch.zeros_like(source)
    for place in np.ndindex(*source.shape):
        step = torch.zeros_like(source)
        step[place] = 1e-5
        slopes[place] = (value(source + step) - value(source - step)) / 2e-5
    # geomloss differentiates its last step only, which is right as far as the annealing has converged.
    assert (grad - slopes).norm() < 0.02 * slopes.norm()


def test_offset_in_common_costs_no_digits_in_float32():
    source, target = (tensor.detach().float() + 1e4 for tensor in sample())
    exact = sinkhorn_divergence(source.double(), target.double(), blur=0.5)
    assert sinkhorn_divergence(source, target, blur=0.5).item() == pytest.approx(exact.item(), rel=1e-4)


def test_missing_geomloss_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "geomloss", None)
    with pytest.raises(ImportError, match="pip install geomloss"):
        sinkhorn_divergence(torch.rand(3, 2), torch.rand(3, 2))


@pytest.mark.parametrize(
    ("option", "match"),
    [({"power": 3}, "power is 3"), ({"blur": 0.0}, "blur is 0.0"), ({"scaling": 1.0}, "scaling is 1.0")],
)
def test_options_out_of_range_are_refused(option, match):
    with pytest.raises(ValueError, match=match):
        sinkhorn_divergence(torch.rand(3, 2), torch.rand(3, 2), **option)
