"""Attention against the formulas, by loops in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from feature_extractors.attention import (
    MultiHeadAttention,
    SqueezeExcitation,
    aft_local,
    aft_simple,
    build_attention,
)

KINDS = ("multi_head", "aft_local", "aft_simple", "se")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def aft_by_loops(q, k, v, w, length):
    """Zhai et al. 2021, equation 2, clip by clip and pair by pair; w (T, T)."""
    y = np.zeros_like(q)
    for t in range(len(q)):
        weights = np.exp(k[:length] + w[t, :length, None])
        y[t] = sigmoid(q[t]) * (weights * v[:length]).sum(0) / weights.sum(0)
    return y


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_aft_local_is_its_equation_pair_by_pair(window, lengths):
    frames = max(lengths)
    q, k, v = torch.randn(3, len(lengths), frames, 2, dtype=torch.float64)
    bias = torch.randn(2 * window - 1, dtype=torch.float64)
    valid = torch.arange(frames) < torch.tensor(lengths)[:, None]
    y = aft_local(q, k, v, bias, valid)
    w = np.zeros((frames, frames))
    for t in range(frames):
        for s in range(frames):
            if abs(t - s) < window:
                w[t, s] = bias[t - s + window - 1]
    for n, length in enumerate(lengths):
        np.testing.assert_allclose(y[n], aft_by_loops(q[n].numpy(), k[n].numpy(), v[n].numpy(), w, length))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_aft_simple_sums_over_time(lengths):
    frames = max(lengths)
    q, k, v = torch.randn(3, len(lengths), frames, 2, dtype=torch.float64)
    y = aft_simple(q, k, v, torch.arange(frames) < torch.tensor(lengths)[:, None])
    for n, length in enumerate(lengths):
        expected = aft_by_loops(q[n].numpy(), k[n].numpy(), v[n].numpy(), np.zeros((frames, frames)), length)
        np.testing.assert_allclose(y[n], expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_aft_does_not_overflow_in_low_precision(dtype):
    q, v = torch.randn(2, 2, 9, 3).to(dtype)
    k = torch.linspace(-200, 200, 9)[None, :, None].expand(2, 9, 3).to(dtype)
    bias = torch.linspace(-3, 30, 7).to(dtype)
    assert aft_simple(q, k, v).isfinite().all()
    assert aft_local(q, k, v, bias).isfinite().all()


def test_multi_head_agrees_with_torchs_own():
    ours, torchs = MultiHeadAttention(16, heads=4), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(ours.qkv.weight)
        torchs.in_proj_bias.copy_(ours.qkv.bias)
        torchs.out_proj.weight.copy_(ours.out.weight)
        torchs.out_proj.bias.copy_(ours.out.bias)
    x = torch.randn(3, 10, 16)
    valid = torch.arange(10) < torch.tensor([10, 4, 1])[:, None]
    expected = ours.norm(x + torchs(x, x, x, key_padding_mask=~valid, need_weights=False)[0])
    torch.testing.assert_close(ours(x, valid)[valid], expected[valid], atol=1e-5, rtol=1e-5)


def test_heads_may_be_wider_than_their_share():
    wide, x = MultiHeadAttention(6, heads=2, head_width=5), torch.randn(2, 7, 6)
    q, k, v = (part.unflatten(-1, (2, 5)) for part in wide.qkv(x).chunk(3, -1))  # (N, T, H, W)
    weights = torch.einsum("nthw,nshw->nhts", q, k).div(5**0.5).softmax(-1)
    mixed = torch.einsum("nhts,nshw->nthw", weights, v).flatten(2)
    torch.testing.assert_close(wide(x), wide.norm(x + wide.out(mixed)))
    assert MultiHeadAttention(6, heads=5, head_width=3)(x).shape == x.shape


def test_squeeze_excitation_is_its_formula_and_keeps_the_published_sizes():
    module = SqueezeExcitation(128)
    assert module.squeeze.weight.shape == (16, 128)
    x = torch.randn(2, 9, 128)
    pooled = [x[1, :5].mean(0), x[1, :5].amax(0)]
    gate = torch.sigmoid(sum(module.excite(torch.relu(module.squeeze(p))) for p in pooled))
    valid = torch.arange(9) < torch.tensor([9, 5])[:, None]
    torch.testing.assert_close(module(x, valid)[1, :5], x[1, :5] * gate)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_is_not_attended(kind):
    module = build_attention(kind, 16, window=4).eval()
    if kind == "aft_local":
        nn.init.normal_(module.pair_bias)
    x = torch.randn(2, 12, 16)
    x[1, 7:] = 1e4
    y = module(x, torch.arange(12) < torch.tensor([12, 7])[:, None])
    torch.testing.assert_close(y[1:, :7], module(x[1:, :7]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(y[:1], module(x[:1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_set_of_weights_fits_clips_of_any_length_and_none_is_dead(kind):
    module = build_attention(kind, 16)
    total = sum(module(torch.randn(2, frames, 16)).pow(3).sum() for frames in (1, 5, 80))
    total.backward()
    assert [name for name, p in module.named_parameters() if p.grad is None or p.grad.abs().sum() < 1e-6] == []


def test_impossible_attention_is_refused():
    with pytest.raises(ValueError, match="5 heads cannot share a width of 128"):
        build_attention("multi_head", 128, heads=5)
    for options in ({"heads": 0}, {"heads": 2, "head_width": 0}):
        with pytest.raises(ValueError, match="expected at least one head of one channel"):
            MultiHeadAttention(8, **options)
    with pytest.raises(ValueError, match=r"unknown attention 'flash'.*choose one of"):
        build_attention("flash", 128)
