"""The eight modes of a temporal stack by name."""

from __future__ import annotations

from typing import Any, Literal

from feature_extractors.attention import AttentionKind
from feature_extractors.attention_stack import AddAttentionStack, AttentionStack
from feature_extractors.temporal_block import Residual, Variant
from feature_extractors.temporal_stack import (
    AddStack,
    BiDifferenceStack,
    ConvStack,
    DifferenceStack,
    TemporalStack,
)

__all__ = ["MODES", "Mode", "build_stack"]

Mode = Literal["plain", "add", "conv", "attention", "add_attention", "se", "diff", "bidiff"]

MODES: dict[str, type[TemporalStack]] = {
    "plain": TemporalStack,
    "add": AddStack,
    "conv": ConvStack,
    "attention": AttentionStack,
    "add_attention": AddAttentionStack,
    "se": AttentionStack,
    "diff": DifferenceStack,
    "bidiff": BiDifferenceStack,
}


def build_stack(
    mode: Mode,
    in_channels: int,
    filters: int,
    *,
    levels: range,
    variant: Variant = "plain",
    residual: Residual = "mul",
    dropout: float = 0.1,
    attention: AttentionKind = "multi_head",
    width: int = 128,
    heads: int = 4,
    offset: bool = True,
) -> TemporalStack:
    """Build the temporal stack of a mode, with dilations 2^i.

    Args:
        mode: what each level contributes; a name of `MODES`.
        in_channels: C.
        filters: F.
        levels: the exponents i, counted through from the universal into the specific stack.
        variant: body of the blocks.
        residual: residual of the blocks.
        dropout: probability that a channel is dropped.
        attention: kind of attention of the modes `attention` and `add_attention`.
        width: width of the attention modes (`attention`, `add_attention`, `se`).
        heads: heads of `multi_head`.
        offset: learn the last bias of the attention modes.

    Raises:
        ValueError: for an unknown mode.

    Example:
        >>> import torch
        >>> build_stack("diff", 39, 39, levels=range(3, 8))(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 5])
    """
    if mode not in MODES:
        raise ValueError(f"unknown stack mode {mode!r}; choose one of {', '.join(MODES)}")
    options: dict[str, Any] = {"variant": variant, "residual": residual, "dropout": dropout}
    if issubclass(MODES[mode], AttentionStack):
        options |= {"attention": "se" if mode == "se" else attention, "width": width, "heads": heads, "offset": offset}
    return MODES[mode](in_channels, filters, dilations=[2**i for i in levels], **options)
