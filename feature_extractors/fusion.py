"""Fusion of temporal scales, (N, F, T, B) -> (N, F, T). N clips, F filters, T frames, B scales."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.attention import aft_local, aft_simple
from feature_extractors.temporal_block import ConvNorm

__all__ = ["AttentionFusion", "ConvFusion", "FusionKind", "LinearFusion", "MeanFusion", "WeightFusion", "build_fusion"]

FusionKind = Literal["weight", "linear", "conv", "mean", "attention"]


def _channels(scales: Tensor) -> Tensor:
    """View scales as (N, B F, T); no copy where they come from `stack_scales`."""
    n, _, t, _ = scales.shape
    return scales.movedim(-1, 1).reshape(n, -1, t)


class MeanFusion(nn.Module):
    """Average of the scales: y = sum_j s_j / B.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Example:
        >>> MeanFusion()(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales."""
        return scales.mean(-1)


class WeightFusion(nn.Module):
    """Learned weight for each scale, TIM's weight layer: y = sum_j w_j s_j, starting at the mean.

    Reference: Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023.

    Args:
        scales: B.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Example:
        >>> WeightFusion(8)(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((scales,), 1 / scales))

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales."""
        return scales @ self.weight


class LinearFusion(nn.Module):
    """Linear layer over all scales and filters of a frame: y_t = W [s_0t; ...; s_(B-1)t], W of F x B F.

    It has no bias: a batch normalisation follows wherever scales are fused, and would take it away.

    Args:
        filters: F.
        scales: B.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Example:
        >>> LinearFusion(39, 8)(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(self, filters: int, scales: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(filters * scales, filters, 1, bias=False)

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales."""
        fused: Tensor = self.linear(_channels(scales))
        return fused


class ConvFusion(nn.Module):
    """1x1 convolution, batch normalisation and ReLU over the concatenated scales.

    y = relu(BatchNorm(W [s_0; ...; s_(B-1)])).

    Args:
        filters: F.
        scales: B.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Example:
        >>> ConvFusion(39, 8)(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(self, filters: int, scales: int) -> None:
        super().__init__()
        self.conv = ConvNorm(filters * scales, filters)

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales; `valid` marks the real frames."""
        fused: Tensor = self.conv(_channels(scales), valid)
        return fused


class AttentionFusion(nn.Module):
    """Attention over time in which each scale is a head; the heads are concatenated and projected to F filters.

    y = W_o [h_0; ...; h_(B-1)], h_j = softmax(Q_j K_j^T / sqrt(F)) V_j with Q_j, K_j and V_j from scale j alone; with
    `aft_local` or `aft_simple` the heads are attention free. The output projection has no bias, as in `LinearFusion`.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017; Zhai et al., An Attention Free Transformer,
    2021.

    Args:
        filters: F.
        scales: B.
        attention: kind of the heads, `multi_head`, `aft_local` or `aft_simple`.
        window: window of `aft_local`, in frames.
        width: channels of a head; None stands for F.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Raises:
        ValueError: for an unknown kind of attention.

    Example:
        >>> AttentionFusion(39, 8)(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        filters: int,
        scales: int,
        *,
        attention: Literal["multi_head", "aft_local", "aft_simple"] = "multi_head",
        window: int = 64,
        width: int | None = None,
    ) -> None:
        super().__init__()
        width = width or filters
        if attention not in ("multi_head", "aft_local", "aft_simple"):
            raise ValueError(f"unknown attention {attention!r}; choose one of multi_head, aft_local, aft_simple")
        self.attention = attention
        self.qkv = nn.Conv1d(filters * scales, 3 * width * scales, 1, groups=scales)
        self.out = nn.Conv1d(width * scales, filters, 1, bias=False)
        if attention == "aft_local":
            self.pair_bias = nn.Parameter(torch.zeros(2 * window - 1))

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales; `valid` marks the real frames."""
        n, _, t, b = scales.shape
        qkv = self.qkv(_channels(scales)).view(n, b, 3, -1, t).permute(2, 0, 1, 4, 3)  # (3, N, B, T, width)
        if self.attention == "multi_head":
            q, k, v = qkv.contiguous()  # each (N, B, T, width)
            mask = None if valid is None else valid[:, None, None, :]  # (N, 1, 1, T)
            heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (N, B, T, width)
            mixed = heads.transpose(2, 3).reshape(n, -1, t)
        else:
            q, k, v = qkv.transpose(2, 3).reshape(3, n, t, -1)  # each (N, T, B width)
            bias = self.pair_bias if self.attention == "aft_local" else None
            mixed = aft_simple(q, k, v, valid) if bias is None else aft_local(q, k, v, bias, valid)
            mixed = mixed.transpose(1, 2)
        fused: Tensor = self.out(mixed)  # (N, F, T)
        return fused


def build_fusion(kind: FusionKind, filters: int, scales: int) -> nn.Module:
    """Build the fusion of a name.

    Args:
        kind: `weight`, `linear`, `conv`, `mean` or `attention`.
        filters: F.
        scales: B.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> type(build_fusion("mean", 39, 8)).__name__
        'MeanFusion'
    """
    if kind == "weight":
        return WeightFusion(scales)
    if kind == "linear":
        return LinearFusion(filters, scales)
    if kind == "conv":
        return ConvFusion(filters, scales)
    if kind == "mean":
        return MeanFusion()
    if kind == "attention":
        return AttentionFusion(filters, scales)
    raise ValueError(f"unknown fusion {kind!r}; choose one of weight, linear, conv, mean, attention")
