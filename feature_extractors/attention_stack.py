"""Temporal stacks with attention. N clips, C input channels, F filters, T frames, B blocks, D width of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from feature_extractors.attention import AttentionKind, build_attention
from feature_extractors.temporal_block import ConvNorm
from feature_extractors.temporal_stack import TemporalStack

__all__ = ["AddAttentionStack", "AttentionStack"]


class AttentionStack(TemporalStack):
    """Modes `attention` and `se`: every block's output is attended and goes on so into the next block.

    f_j = attention_j(TAB_j(f_(j-1))). The blocks run at their own width between an in- and an out-projection (1x1
    convolution and batch normalisation). All levels leave through the one out-projection, normalised as one batch,
    so that the scales have F filters and can be fused with those of other stacks.

    Arguments and shapes are those of `TemporalStack`, and:

    Args:
        in_channels: C.
        filters: F.
        dilations: dilation of each block, in frames.
        attention: kind of attention.
        width: channels of the blocks and D of the attention.
        heads: heads of `multi_head`.
        offset: learn the bias of the last normalisation; False where the scales are only fused and normalised.
        options: further options of `TemporalStack`.

    Example:
        >>> AttentionStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        *,
        dilations: Sequence[int],
        attention: AttentionKind = "multi_head",
        width: int = 128,
        heads: int = 4,
        offset: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(width, width, dilations=dilations, **options)
        self.attention = nn.ModuleList(build_attention(attention, width, heads=heads) for _ in dilations)
        self.project_in = ConvNorm(in_channels, width, relu=False)
        self.project_out = ConvNorm(width, filters, relu=False, offset=offset)

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the attended outputs, projected to F filters."""
        attended = self.attended(self.project_in(x, valid), valid)
        projected = torch.cat([self.project_out.conv(y) for y in attended])  # (B N, F, T)
        repeated = None if valid is None else valid.repeat(len(attended), 1)
        return list(self.project_out.norm(projected, repeated).unflatten(0, (len(attended), -1)))

    def attended(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the attended outputs at the stack's own width."""
        outputs = []
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x, valid).transpose(1, 2), valid).transpose(1, 2)  # (N, D, T)
            outputs.append(x)
        return outputs


class AddAttentionStack(AttentionStack):
    """Mode `add_attention`: attention_j(f_j + b_j) as level output only; the chain of blocks stays unattended.

    Arguments and shapes are those of `AttentionStack`.

    Example:
        >>> AddAttentionStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def attended(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the attended sums of both directions at the stack's own width."""
        both = zip(*self.both_directions(x, valid), strict=True)
        return [
            attention((f + b).transpose(1, 2), valid).transpose(1, 2)
            for attention, (f, b) in zip(self.attention, both, strict=True)
        ]
