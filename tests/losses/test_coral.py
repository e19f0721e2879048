"""CORAL against numpy's covariance and pytorch-adapt, in both of its forms."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.coral import coral

SHAPES = [(5, 7, 3), (9, 9, 18), (4, 3, 40), (2, 5, 7), (2, 5, 8)]  # narrow, at the border, wide


def sample(n, m, d, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64)
    target = 2 * torch.randn(m, d, generator=generator, dtype=torch.float64) + 1
    return source.to(dtype).requires_grad_(), target.to(dtype).requires_grad_()


@pytest.mark.parametrize(("n", "m", "d"), SHAPES)
def test_value_is_exactly_that_of_the_formula(n, m, d):
    source, target = sample(n, m, d)
    gap = np.cov(source.detach().numpy().T) - np.cov(target.detach().numpy().T)
    assert coral(source, target).item() == pytest.approx((gap**2).sum() / (4 * d**2), rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), SHAPES)
def test_value_and_gradient_agree_with_pytorch_adapt(n, m, d):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import CORALLoss
    source, target = sample(n, m, d)
    value, expected = coral(source, target), CORALLoss()(source, target)
    torch.testing.assert_close(value, expected)
    wanted = torch.autograd.grad(expected, (source, target))
    for a, b in zip(torch.autograd.grad(value, (source, target)), wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("n", "m", "d"), SHAPES)
def test_gradient_is_the_slope_in_both_forms(n, m, d):
    assert torch.autograd.gradcheck(coral, sample(n, m, d))


def test_mean_of_the_domains_does_not_matter():
    source, target = sample(5, 7, 3)
    torch.testing.assert_close(coral(source + 3, target - 8), coral(source, target))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 20), st.floats(0.01, 100), st.integers(0, 10**6))
def test_it_is_not_negative_and_scales_with_the_fourth_power(n, m, d, scale, seed):
    source, target = sample(n, m, d, seed=seed)
    value = coral(source, target)
    assert value >= 0
    torch.testing.assert_close(coral(scale * source, scale * target), scale**4 * value)


def test_single_row_has_a_covariance_of_zero():
    source, target = sample(1, 6, 3)
    gap = np.cov(target.detach().numpy().T)
    assert coral(source, target).item() == pytest.approx((gap**2).sum() / 36)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 16), (48, 64, 2000)])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_float32_stays_near_float64(n, m, d, offset):
    source, target = sample(n, m, d, dtype=torch.float32)
    rough = [(tensor.detach() + offset).requires_grad_() for tensor in (source, target)]
    exact = [tensor.detach().double().requires_grad_() for tensor in rough]
    values, grads = [], []
    for pair in (exact, rough):
        value = coral(*pair)
        values.append(value.item())
        grads.append(torch.autograd.grad(value, pair)[0].double())
    assert values[1] == pytest.approx(values[0], rel=1e-4 if offset else 1e-5)
    assert (grads[1] - grads[0]).norm() < (1e-4 if offset else 1e-5) * grads[0].norm()


@pytest.mark.parametrize(("rows", "width", "product"), [(10, 500, 10 * 10), (300, 4, 4 * 4)])
def test_the_smaller_of_covariance_and_inner_products_is_formed(rows, width, product):
    source, target = sample(rows // 2, rows // 2, width, dtype=torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        coral(source, target)
    assert sum(kept) <= product + rows * width
