"""MMD against numpy from the formula, pytorch-adapt and geomloss; laws; rounding."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from losses import MMD
from losses.mmd import mmd


def sample(n, m, d, shift=0.5, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(n, d, generator=generator, dtype=torch.float64)
    target = torch.randn(m, d, generator=generator, dtype=torch.float64) + shift
    return source.to(dtype).requires_grad_(), target.to(dtype).requires_grad_()


def from_the_formula(source, target, *, kernels=5, ratio=2.0, bandwidth=None, weights=None, unbiased=False):
    """Value in numpy, from the docstring of losses.mmd.mmd alone."""
    s, t = source.detach().double().numpy(), target.detach().double().numpy()
    n, m = len(s), len(t)
    pooled = np.sort(pdist(np.concatenate([s, t]), "sqeuclidean"))
    base = bandwidth or pooled[(len(pooled) - 1) // 2]
    weights = weights or [1.0] * kernels

    def k(a, b):
        squares = cdist(a, b, "sqeuclidean")
        return sum(weights[u] * np.exp(-squares / (base * ratio ** (u - kernels // 2))) for u in range(kernels))

    ss, tt, st_ = k(s, s), k(t, t), k(s, t)
    within = (
        (ss.sum() - np.trace(ss)) / (n * (n - 1)) + (tt.sum() - np.trace(tt)) / (m * (m - 1))
        if unbiased
        else ss.mean() + tt.mean()
    )
    return within - 2 * st_.mean()


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bandwidth": 3.0},
        {"kernels": 4, "ratio": 3.0},
        {"kernels": 1},
        {"kernels": 3, "weights": [0.2, 0.0, 2.0]},
    ],
)
@pytest.mark.parametrize(("n", "m", "d"), [(5, 8, 3), (6, 6, 40), (2, 2, 1)])
def test_value_is_that_of_the_formula(n, m, d, options, unbiased):
    source, target = sample(n, m, d)
    value = mmd(source, target, unbiased=unbiased, **options)
    assert value.item() == pytest.approx(from_the_formula(source, target, unbiased=unbiased, **options), abs=1e-12)


def test_module_passes_its_options_on():
    source, target = sample(5, 8, 3)
    options = {"kernels": 3, "ratio": 1.5, "bandwidth": 2.0, "weights": [1.0, 2.0, 3.0], "unbiased": True}
    assert MMD(**options)(source, target).item() == pytest.approx(from_the_formula(source, target, **options))


def test_value_and_gradient_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import MMDLoss
    source, target = sample(9, 7, 6)
    reference = MMDLoss(kernel_scales=2.0 ** torch.arange(-2, 3), mmd_type="quadratic", bandwidth=8.0)
    expected = 5 * reference(source, target)  # it takes the mean of the kernels, and the unbiased estimate
    value = mmd(source, target, bandwidth=8.0, unbiased=True)
    torch.testing.assert_close(value, expected)
    wanted = torch.autograd.grad(expected, (source, target))
    for a, b in zip(torch.autograd.grad(value, (source, target)), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_value_and_gradient_agree_with_geomloss():
    from geomloss import SamplesLoss

    source, target = sample(9, 7, 6)
    blurs = [(8.0 * 2.0**u / 2) ** 0.5 for u in range(-2, 3)]  # exp(-D / (2 blur^2))
    expected = sum(2 * SamplesLoss("gaussian", blur=blur, backend="tensorized")(source, target) for blur in blurs)
    value = mmd(source, target, bandwidth=8.0)
    torch.testing.assert_close(value, expected)
    wanted = torch.autograd.grad(expected, (source, target))
    for a, b in zip(torch.autograd.grad(value, (source, target)), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_kernel_is_that_of_the_squared_distance():
    value = mmd(torch.zeros(1, 1), torch.full((1, 1), 3.0), kernels=1, bandwidth=1.0)
    assert value.item() == pytest.approx(2 - 2 * np.exp(-9.0))


def test_median_is_a_constant_in_the_gradient():
    source, target = sample(5, 4, 3)
    pooled = torch.cat([source, target]).detach()
    base = float(np.sort(pdist(pooled, "sqeuclidean"))[(9 * 8 // 2 - 1) // 2])
    floating = torch.autograd.grad(mmd(source, target), source)[0]
    fixed = torch.autograd.grad(mmd(source, target, bandwidth=base), source)[0]
    torch.testing.assert_close(floating, fixed)


def test_unbiased_estimate_is_unbiased_and_the_biased_one_is_not():
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(2, 10, 3, generator=generator) for _ in range(400)]
    unbiased = torch.stack([mmd(*draw, bandwidth=6.0, unbiased=True) for draw in draws])
    biased = torch.stack([mmd(*draw, bandwidth=6.0) for draw in draws])
    standard_error = unbiased.std() / 20
    assert unbiased.mean().abs() < 3 * standard_error
    assert biased.mean() > 10 * standard_error


def test_single_row_keeps_the_pair_with_itself_in_the_unbiased_estimate():
    source, target = sample(1, 1, 3)
    torch.testing.assert_close(mmd(source, target, unbiased=True), mmd(source, target))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 6), st.floats(-3, 3), st.integers(0, 10**6))
def test_biased_estimate_lies_between_zero_and_twice_the_weights(n, m, d, shift, seed):
    source, target = sample(n, m, d, shift, seed=seed)
    assert -1e-12 <= mmd(source, target).item() <= 10


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(-100, 100), st.integers(0, 10**6))
def test_median_bandwidth_makes_it_blind_to_scale_and_origin(scale, shift, seed):
    source, target = sample(6, 5, 3, seed=seed)
    torch.testing.assert_close(mmd(scale * source + shift, scale * target + shift), mmd(source, target))


def test_repeated_rows_change_nothing():
    source, target = sample(4, 5, 3)
    torch.testing.assert_close(mmd(source.repeat(3, 1), target, bandwidth=2.0), mmd(source, target, bandwidth=2.0))


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize(("n", "m", "d"), [(64, 48, 512), (200, 150, 16)])
def test_float32_stays_near_float64(n, m, d, offset):
    source, target = sample(n, m, d, shift=0.1, dtype=torch.float32)
    exact = [(tensor.detach() + offset).double().requires_grad_() for tensor in (source, target)]
    rough = [tensor.detach().float().requires_grad_() for tensor in exact]
    values, grads = [], []
    for pair in (exact, rough):
        value = mmd(*pair)
        values.append(value.item())
        grads.append(torch.autograd.grad(value, pair)[0].double())
    assert values[1] == pytest.approx(values[0], abs=3e-6)
    assert (grads[1] - grads[0]).norm() < 1e-5 * grads[0].norm()


def test_autocast_and_bfloat16_stay_near_float32():
    source, target = sample(64, 48, 512, shift=0.3, dtype=torch.float32)
    expected = mmd(source, target)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mmd(source, target), expected)
    half = source.detach().bfloat16(), target.detach().bfloat16()
    assert torch.equal(mmd(*half), mmd(*(tensor.float() for tensor in half)))


def test_memory_kept_for_the_backward_pass_is_that_of_the_pairs_and_rows():
    source, target = sample(30, 20, 100, dtype=torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        mmd(source, target, kernels=8)
    assert sum(kept) <= 30 * 30 + 30 * 20 + 20 * 20 + 50 * 100 + 1
