"""Fusions of scales against their formulas."""

from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from feature_extractors.fusion import AttentionFusion, FusionKind, build_fusion
from feature_extractors.temporal_stack import stack_scales

KINDS = get_args(FusionKind)


@pytest.mark.parametrize("kind", KINDS)
def test_fusions_read_scales_alike_whatever_their_memory_layout(kind):
    fusion = build_fusion(kind, 6, 4).eval()
    views = stack_scales([torch.randn(2, 6, 9) for _ in range(4)])
    fused = fusion(views)
    assert fused.shape == (2, 6, 9)
    torch.testing.assert_close(fusion(views.contiguous()), fused)


@pytest.mark.parametrize("kind", KINDS)
def test_no_fusion_parameter_is_dead_before_a_batch_normalisation(kind):
    fusion = build_fusion(kind, 6, 4)
    torch.nn.BatchNorm1d(6)(fusion(torch.randn(2, 6, 9, 4))).pow(3).sum().backward()
    assert [name for name, p in fusion.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-6] == []


def test_mean_weight_linear_and_conv_are_their_formulas():
    scales = torch.randn(2, 6, 9, 4)
    stacked = torch.cat(list(scales.unbind(-1)), dim=1)  # (N, B F, T)
    torch.testing.assert_close(build_fusion("mean", 6, 4)(scales), sum(scales.unbind(-1)) / 4)
    weight = build_fusion("weight", 6, 4)
    torch.testing.assert_close(weight(scales), scales.mean(-1))
    torch.nn.init.normal_(weight.weight)
    torch.testing.assert_close(weight(scales), torch.einsum("nftb,b->nft", scales, weight.weight))
    linear = build_fusion("linear", 6, 4)
    torch.testing.assert_close(linear(scales), torch.einsum("gc,nct->ngt", linear.linear.weight[..., 0], stacked))
    conv = build_fusion("conv", 6, 4).eval()
    mixed = torch.einsum("gc,nct->ngt", conv.conv.conv.weight[..., 0], stacked)
    torch.testing.assert_close(conv(scales), torch.relu(conv.conv.norm(mixed)))


def test_attention_fusion_takes_each_scale_as_a_head():
    fusion, scales = AttentionFusion(6, 4), torch.randn(2, 6, 9, 4)
    valid = torch.arange(9) < torch.tensor([9, 5])[:, None]
    heads = []
    for j in range(4):
        w, b = fusion.qkv.weight[18 * j : 18 * (j + 1), :, 0], fusion.qkv.bias[18 * j : 18 * (j + 1)]
        q, k, v = (scales[..., j].transpose(1, 2) @ w.T + b).chunk(3, dim=-1)
        scores = (q @ k.transpose(1, 2) / 6**0.5).masked_fill(~valid[:, None], -torch.inf)
        heads.append(F.softmax(scores, dim=-1) @ v)
    expected = torch.cat(heads, dim=-1) @ fusion.out.weight[..., 0].T
    torch.testing.assert_close(fusion(scales, valid), expected.transpose(1, 2), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("attention", ["multi_head", "aft_local", "aft_simple"])
def test_attention_fusion_does_not_attend_padding(attention):
    fusion, scales = AttentionFusion(6, 4, attention=attention).eval(), torch.randn(2, 6, 9, 4)
    scales[1, :, 5:] = 1e3
    fused = fusion(scales, torch.arange(9) < torch.tensor([9, 5])[:, None])
    torch.testing.assert_close(fused[1:, :, :5], fusion(scales[1:, :, :5]), atol=1e-5, rtol=1e-4)
    fused.sum().backward()
    assert all(p.grad is not None for p in fusion.parameters())


def test_unknown_fusions_are_refused():
    with pytest.raises(ValueError, match=r"unknown fusion 'max'.*choose one of"):
        build_fusion("max", 6, 4)
    with pytest.raises(ValueError, match=r"unknown attention 'se'.*choose one of"):
        AttentionFusion(6, 4, attention="se")
