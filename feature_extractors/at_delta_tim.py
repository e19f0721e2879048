"""AT-DeltaTIM: attention over differences of scales. N clips, C input channels, F filters, T frames, B scales."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from feature_extractors.at_tim import AttendedScales, ScaleAttention
from feature_extractors.frame_masking import FrameMasking
from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.temporal_block import ConvNorm, Residual, Variant
from feature_extractors.temporal_stack import ConvStack, DifferenceStack, differences, stack_scales

__all__ = ["AttentionDeltaTIM", "DifferenceConvStack"]


class DifferenceConvStack(ConvStack):
    """Differences of neighbouring blocks in both directions, merged level by level.

    s_j = relu(BatchNorm(W_j [f_j - f_(j-1); b_j - b_(j-1)])) for j >= 1, and the last from [f_B; b_B].

    Arguments and shapes are those of `ConvStack`.

    Example:
        >>> DifferenceConvStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the merged differences."""
        both = zip(*map(differences, self.both_directions(x, valid)), strict=True)
        return [merge(torch.cat(pair, dim=1), valid) for merge, pair in zip(self.merge, both, strict=True)]


class AttentionDeltaTIM(nn.Module):
    """AT-DeltaTIM: what each temporal block adds to the one below it, under attention over time.

    Version 1: a stack in mode `diff`, causal up to the attention. Version 2: the same stack in both directions of time,
    merged by a 1x1 convolution for each level, and frames of the input masked in training.

    Reference: after Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        version: 1 or 2.
        masked: share of the input frames that version 2 masks in training.
        filters: F.
        blocks: B, with dilations 2^0 to 2^(B - 1).
        attention: `multi_head`, `aft_local` or `aft_simple`.
        head_width: channels of a head; there is one for each scale.
        window: window of `aft_local`, in frames.
        feedforward: width inside the feed-forward layers after the attention, 0 for none.
        variant: body of the blocks: `plain`, `bottleneck`, `inception` or `simple`.
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        dropout: probability that a channel is dropped inside the blocks, and a value inside the feed-forward layers.

    Attributes:
        dim: F, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T)

    Raises:
        ValueError: for an unknown name or version, or lengths that do not fit the batch.

    Example:
        >>> extractor = AttentionDeltaTIM(in_channels=39, version=2)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        version: Literal[1, 2] = 1,
        masked: float = 0.2,
        filters: int = 39,
        blocks: int = 8,
        attention: ScaleAttention = "multi_head",
        head_width: int = 64,
        window: int = 64,
        feedforward: int = 256,
        variant: Variant = "plain",
        residual: Residual = "mul",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        if version not in (1, 2):
            raise ValueError(f"unknown version {version!r}; choose 1 or 2")
        self.dim = filters
        self.masking = FrameMasking(masked) if version == 2 else None
        self.prepare = ConvNorm(in_channels, filters)
        self.stack = (DifferenceStack if version == 1 else DifferenceConvStack)(
            filters,
            filters,
            dilations=[2**level for level in range(blocks)],
            variant=variant,
            residual=residual,
            dropout=dropout,
        )
        self.fusion = AttendedScales(
            filters,
            blocks,
            attention=attention,
            head_width=head_width,
            window=window,
            feedforward=feedforward,
            dropout=dropout,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = zero_padding(x, valid)
        if self.masking is not None:
            x = self.masking(x)
        levels = self.stack.levels(self.prepare(x, valid), valid)  # B tensors (N, F, T)
        return Frames.build(self.fusion(stack_scales(levels), valid), valid)
