"""AT-TIM: attention over TIM's scales. N clips, C input channels, F filters, T frames, B scales."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from feature_extractors.frames import Frames
from feature_extractors.fusion import AttentionFusion
from feature_extractors.multi_tim import MultiTIM
from feature_extractors.temporal_block import Residual, Variant
from feature_extractors.transformer_encoder import FeedForward

__all__ = ["AttendedScales", "AttentionTIM", "ScaleAttention"]

ScaleAttention = Literal["multi_head", "aft_local", "aft_simple"]


class AttendedScales(nn.Module):
    """Attention over time with each scale as a head, then feed-forward layers, in place of TIM's weight layer.

    y = FeedForward(W_o [h_0; ...; h_(B-1)]), h_j = attention(s_j).

    Reference: after Ye et al. (TIM-Net), ICASSP 2023, and Vaswani et al., NeurIPS 2017.

    Args:
        filters: F.
        scales: B.
        attention: kind of the heads.
        head_width: channels of a head.
        window: window of `aft_local`, in frames.
        feedforward: width inside the feed-forward layers, 0 for none.
        dropout: probability that a value is dropped inside the feed-forward layers.

    Shape:
        scales (N, F, T, B), valid (N, T) or None -> (N, F, T)

    Example:
        >>> import torch
        >>> AttendedScales(39, 8)(torch.randn(2, 39, 50, 8)).shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        filters: int,
        scales: int,
        *,
        attention: ScaleAttention = "multi_head",
        head_width: int = 64,
        window: int = 64,
        feedforward: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.attention = AttentionFusion(filters, scales, attention=attention, window=window, width=head_width)
        self.feed_forward = FeedForward(filters, hidden=feedforward, dropout=dropout) if feedforward else None

    def forward(self, scales: Tensor, valid: Tensor | None = None) -> Tensor:
        """Fuse the scales; `valid` marks the real frames."""
        fused: Tensor = self.attention(scales, valid)  # (N, F, T)
        return fused if self.feed_forward is None else self.feed_forward(fused.transpose(1, 2)).transpose(1, 2)


class AttentionTIM(nn.Module):
    """AT-TIM: TIM-Net with attention over its scales in place of the weight layer.

    The lab notes' AT-TIM(MH) has `attention="multi_head"`, AT-TIM(AF) `attention="aft_local"`.

    Reference: after Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023; aft_local: Zhai et al., An Attention
    Free Transformer, 2021.

    Args:
        in_channels: C, 13 times the order of the MFCC.
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
        ValueError: for an unknown name, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> extractor = AttentionTIM(in_channels=39, attention="aft_local")
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        *,
        in_channels: int,
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
        self.dim = filters
        self.scales = MultiTIM(
            in_channels=in_channels,
            filters=filters,
            blocks=blocks,
            mode="add",
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
        frames: Frames = self.scales(x, lengths)
        valid = frames.valid()
        return Frames.build(self.fusion(frames.scales, valid), valid)
