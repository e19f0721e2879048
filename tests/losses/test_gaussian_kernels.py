"""The weighted kernel sum against a naive computation by autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses import gaussian_kernels
from losses.gaussian_kernels import Gaussians, PairWeights, gaussians, kernel_sum


def naive(source, target, weights, kernel):
    """The formula, with the squared differences written out and every derivative left to autograd."""
    product = 1.0
    for s, t in zip(source, target, strict=True):
        z = torch.cat([s, t])
        squares = (z[:, None] - z[None]).square().sum(2)
        steps = [kernel.bandwidth * kernel.ratio ** (u - len(kernel.weights) // 2) for u in range(len(kernel.weights))]
        product = product * sum(w * torch.exp(-squares / b) for w, b in zip(kernel.weights, steps, strict=True))
    n = len(source[0])
    off_x = product[:n, :n] * (1 - torch.eye(n, dtype=product.dtype))
    off_y = product[n:, n:] * (1 - torch.eye(len(z) - n, dtype=product.dtype))
    total = weights.alone * sum(kernel.weights) ** len(source)
    return total + (weights.xx * off_x).sum() + (weights.xy * product[:n, n:]).sum() + (weights.yy * off_y).sum()


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 5),
    m=st.integers(1, 5),
    layers=st.integers(1, 3),
    kernels=st.integers(1, 6),
    ratio=st.sampled_from([1.5, 2.0, 3.0]),
    full=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_value_and_gradient_are_those_of_the_formula(n, m, layers, kernels, ratio, full, seed):
    torch.manual_seed(seed)
    source = [torch.randn(n, d + 1, dtype=torch.float64, requires_grad=True) for d in range(layers)]
    target = [torch.randn(m, d + 1, dtype=torch.float64, requires_grad=True) for d in range(layers)]
    kernel = Gaussians(tuple(torch.rand(kernels).tolist()), ratio, 3.0)
    if full:
        v, w = torch.rand(n, 2, dtype=torch.float64), torch.rand(m, 2, dtype=torch.float64)
        weights = PairWeights(v @ v.T, -2 * v @ w.T, w @ w.T, v.square().sum())
    else:
        weights = PairWeights(0.3, -0.7, 0.2, 0.5)
    results = []
    for function in (kernel_sum, naive):
        value = function(source, target, weights, kernel)
        results.append([value, *torch.autograd.grad(value, [*source, *target])])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_parts_of_a_large_matrix_add_up(monkeypatch):
    monkeypatch.setattr(gaussian_kernels, "CACHED", 7)
    source, target = [torch.randn(4, 2, dtype=torch.float64)], [torch.randn(3, 2, dtype=torch.float64)]
    kernel, weights = Gaussians((1.0, 2.0), 2.0, 1.0), PairWeights(1.0, -1.0, 1.0, 0.0)
    torch.testing.assert_close(kernel_sum(source, target, weights, kernel), naive(source, target, weights, kernel))


def test_backward_may_run_twice_and_for_one_side_alone():
    source = torch.randn(4, 2, requires_grad=True)
    value = kernel_sum([source], [torch.randn(3, 2)], PairWeights(1.0, -1.0, 1.0, 0.0), Gaussians((1.0,), 2.0, 1.0))
    first = torch.autograd.grad(value, source, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(value, source)[0])


def test_second_derivative_is_refused_rather_than_wrong():
    source = torch.randn(4, 2, requires_grad=True)
    value = kernel_sum([source], [torch.randn(3, 2)], PairWeights(1.0, -1.0, 1.0, 0.0), Gaussians((1.0,), 2.0, 1.0))
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(value, source, create_graph=True)


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"kernels": 0}, "kernels is 0"),
        ({"ratio": 1.0}, "ratio is 1.0"),
        ({"bandwidth": 0.0}, "bandwidth is 0.0"),
        ({"weights": [1.0]}, "expected 5 numbers"),
        ({"weights": [1.0, 1.0, 1.0, 1.0, -1.0]}, "expected 5 numbers"),
    ],
)
def test_options_out_of_range_are_refused(option, match):
    with pytest.raises(ValueError, match=match):
        gaussians(**{"kernels": 5, "ratio": 2.0, "bandwidth": None, "weights": None} | option)
