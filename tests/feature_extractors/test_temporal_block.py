"""The temporal-aware block: its formula, its causality, its variants."""

from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from feature_extractors.temporal_block import CausalConv1d, ConvNorm, Residual, TemporalAwareBlock, Variant

VARIANTS, RESIDUALS = get_args(Variant), get_args(Residual)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 12))
def test_causal_convolution_is_its_formula(kernel, dilation, frames):
    conv = CausalConv1d(2, 3, kernel_size=kernel, dilation=dilation)
    x = torch.randn(1, 2, frames)
    expected = np.tile(conv.bias.detach().numpy()[:, None], (1, frames))
    for t in range(frames):
        for i in range(kernel):
            if (s := t - (kernel - 1 - i) * dilation) >= 0:
                expected[:, t] += conv.weight[:, :, i].detach().numpy() @ x[0, :, s].numpy()
    np.testing.assert_allclose(conv(x)[0].detach(), expected, atol=1e-5)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_a_dropout_that_is_no_probability_is_refused(dropout):
    with pytest.raises(ValueError, match=f"dropout is {dropout}"):
        ConvNorm(3, 5, dropout=dropout)


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_frame_depends_on_a_later_one(variant, residual):
    block = TemporalAwareBlock(4, 6, dilation=2, variant=variant, residual=residual).eval()
    x = torch.randn(8, 4, 20, requires_grad=True)
    for t in (0, 7, 19):
        (gradient,) = torch.autograd.grad(block(x)[..., t].sum(), x)
        assert gradient[..., t + 1 :].abs().sum() == 0
        assert gradient[..., t].abs().sum() > 0


def test_plain_block_looks_back_over_two_dilations():
    block = TemporalAwareBlock(4, 4, dilation=3).eval()
    for unit in block.body:  # no ReLU may hide a path
        unit.relu = False
    x = torch.randn(1, 4, 20, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(x)[..., 15].sum(), x)
    assert gradient.abs().sum((0, 1)).nonzero().flatten().tolist() == [9, 12, 15]


@pytest.mark.parametrize("residual", RESIDUALS)
def test_residuals_are_their_formulas(residual):
    block = TemporalAwareBlock(4, 4, dilation=2, residual=residual).eval()
    x = torch.randn(2, 4, 10)
    hidden = x
    for unit in block.body:
        padded = F.pad(hidden, (2, 0))
        hidden = F.relu(unit.norm(F.conv1d(padded, unit.conv.weight, dilation=2)))
    expected = {
        "mul": torch.sigmoid(hidden) * x,
        "add": torch.sigmoid(hidden) + x,
        "tcn": torch.relu(hidden + x),
    }[residual]
    torch.testing.assert_close(block(x), expected)


def test_differing_channels_go_through_a_shortcut_and_equal_ones_do_not():
    assert TemporalAwareBlock(4, 4, dilation=1).shortcut is None
    assert isinstance(TemporalAwareBlock(3, 4, dilation=1).shortcut, nn.Conv1d)


@pytest.mark.parametrize("filters", [39, 40, 128])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_f_filters_and_no_dead_parameter(variant, filters):
    block = TemporalAwareBlock(13, filters, dilation=4, variant=variant, dropout=0.0)
    y = block(torch.randn(2, 13, 30))
    assert y.shape == (2, filters, 30)
    y.square().sum().backward()
    dead = [name for name, p in block.named_parameters() if p.grad is None or p.grad.abs().sum() < 1e-6]
    assert dead == []


def test_bottleneck_is_smaller_and_simple_has_one_convolution():
    counts = {
        v: sum(p.numel() for p in TemporalAwareBlock(39, 39, dilation=1, variant=v).parameters()) for v in VARIANTS
    }
    assert counts["plain"] == 2 * (39 * 39 * 2 + 2 * 39)
    assert counts["simple"] == 39 * 39 * 2 + 2 * 39
    assert counts["bottleneck"] == 39 * 13 + 13 * 13 * 2 + 13 * 39 + 2 * (13 + 13 + 39)
    assert counts["inception"] == (39 + 13) * 13 * 2 + 39 * 13 + 39 * 13 + 13 * 13 * 3 + 5 * 2 * 13


def test_dropout_takes_whole_channels_never_time_steps():
    unit = ConvNorm(64, 64, kernel_size=2, relu=False, dropout=0.5).train()
    y = unit(torch.randn(8, 64, 40))
    zero = y == 0
    dropped = zero.all(-1)
    assert torch.equal(zero.any(-1), dropped)
    assert 0.3 < dropped.float().mean() < 0.7
    assert not zero.all(1).any()


@pytest.mark.parametrize(("option", "value"), [("variant", "fancy"), ("residual", "sub")])
def test_unknown_names_are_refused_with_the_known_ones(option, value):
    with pytest.raises(ValueError, match=f"{value}.*choose one of"):
        TemporalAwareBlock(4, 4, dilation=1, **{option: value})


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 12), st.booleans(), st.integers(0, 1000))
def test_a_unit_in_evaluation_gives_the_same_with_and_without_a_graph(kernel, dilation, frames, relu, seed):
    """Without one the normalisation is folded into the weights: another computation of the same function."""
    torch.manual_seed(seed)
    unit = ConvNorm(3, 5, kernel_size=kernel, dilation=dilation, relu=relu, dropout=0.5).eval()
    for values, low, high in (
        (unit.norm.running_mean, -3, 3),
        (unit.norm.running_var, 0.01, 4),
        (unit.norm.weight.data, -2, 2),
        (unit.norm.bias.data, -2, 2),
    ):
        values.uniform_(low, high)
    x = torch.randn(4, frames, 3).transpose(1, 2)  # as it comes from an attention: not contiguous
    kept = x.clone()
    valid = torch.arange(frames) < torch.tensor([[frames], [1], [frames], [frames]])
    with torch.no_grad():
        folded = unit(x, valid)
    assert not folded.requires_grad
    torch.testing.assert_close(folded, unit(x, valid).detach(), atol=2e-5, rtol=1e-4)
    assert torch.equal(x, kept)


def test_a_unit_that_learns_is_never_folded():
    unit = ConvNorm(3, 5, kernel_size=2).train()
    with torch.no_grad():
        unit(torch.randn(8, 3, 20) + 7)
    assert unit.norm.running_mean.abs().sum() > 0
