"""TIM-Net below a Transformer encoder. N clips, C input channels, F filters, D width, T frames."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from feature_extractors.frames import Frames
from feature_extractors.pooling import max_pool
from feature_extractors.temporal_block import Residual
from feature_extractors.tim import TIM
from feature_extractors.transformer_encoder import Activation, TransformerEncoder

__all__ = ["CNNMultiLayerTransformer", "CNNTransformer"]


class CNNTransformer(nn.Module):
    """CNN-Transformer: TIM-Net, max pooling, 1x1 convolution to D, Transformer encoder.

    The lab notes' CT0; with the extractor pretrained it is CT1.

    Reference: after Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023, and Vaswani et al., Attention Is All
    You Need, NeurIPS 2017.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        filters: F.
        blocks: temporal-aware blocks, with dilations 2^0 to 2^(blocks - 1).
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        pool: frames that the pooling makes one.
        width: D.
        layers: number of encoder layers.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        activation: of the feed-forward layers, `relu` or `gelu`.
        dropout: probability that a channel is dropped inside the blocks, and a value inside the encoder.

    Attributes:
        dim: D, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, D, ceil(T / pool))

    Raises:
        ValueError: for an unknown name, heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> frames = CNNTransformer(in_channels=39, width=64)(torch.randn(2, 39, 50), lengths=torch.tensor([50, 39]))
        >>> frames.features.shape, frames.lengths
        (torch.Size([2, 64, 25]), tensor([25, 20]))
    """

    multi_layer: ClassVar[bool] = False

    def __init__(
        self,
        *,
        in_channels: int,
        filters: int = 39,
        blocks: int = 8,
        residual: Residual = "mul",
        pool: int = 2,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        activation: Activation = "relu",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dim = width
        self.pool = pool
        self.tim = TIM(in_channels=in_channels, filters=filters, blocks=blocks, residual=residual, dropout=dropout)
        self.project = nn.Conv1d(filters, width, 1)
        self.encoder = TransformerEncoder(
            width,
            layers=layers,
            heads=heads,
            head_width=head_width,
            feedforward=feedforward,
            dropout=dropout,
            activation=activation,
            positions=self.multi_layer,
            weighted_sum=self.multi_layer,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        frames: Frames = self.tim(x, lengths)
        pooled, valid = max_pool(frames.features, frames.valid(), size=self.pool)  # (N, F, T')
        return Frames.build(self.encoder(self.project(pooled), valid), valid)


class CNNMultiLayerTransformer(CNNTransformer):
    """CNN-ML-Transformer: as `CNNTransformer`, with sinusoidal positions and a weighted sum over the encoder's layers.

    The lab notes' CMT0 and, with the extractor pretrained, CMT1. Arguments and shapes are those of `CNNTransformer`.

    Example:
        >>> import torch
        >>> CNNMultiLayerTransformer(in_channels=39, width=64)(torch.randn(2, 39, 50)).features.shape
        torch.Size([2, 64, 25])
    """

    multi_layer: ClassVar[bool] = True
