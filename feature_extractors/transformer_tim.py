"""A Transformer below TIM-Net. N clips, C input channels, D width, F filters, T frames."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm1d
from feature_extractors.frames import Frames
from feature_extractors.stack_modes import Mode
from feature_extractors.temporal_block import Residual
from feature_extractors.tim import TIM
from feature_extractors.transformer import Transformer
from feature_extractors.transformer_encoder import Activation

__all__ = ["TransformerDeltaTIM", "TransformerTIM"]


class TransformerTIM(nn.Module):
    """Transformer-TIM: prepare to D, Transformer encoder, batch normalisation, 1x1 convolution to F, TIM-Net.

    Normalisation and convolution stand for TIM's own prepare. The lab notes' network ends in a layer of 100 units: the
    head `mlp`.

    Reference: after Vaswani et al., Attention Is All You Need, NeurIPS 2017, and Ye et al., Temporal Modeling Matters
    (TIM-Net), ICASSP 2023.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        width: D.
        layers: number of encoder layers.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        activation: of the feed-forward layers, `relu` or `gelu`.
        filters: F.
        blocks: temporal-aware blocks, with dilations 2^0 to 2^(blocks - 1).
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        dropout: probability that a value is dropped inside the encoder, and a channel inside the blocks.

    Attributes:
        dim: F, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T)

    Raises:
        ValueError: for an unknown name, heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> extractor = TransformerTIM(in_channels=39, width=64, layers=2)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 39, 50])
    """

    mode: ClassVar[Mode] = "add"

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        activation: Activation = "relu",
        filters: int = 39,
        blocks: int = 8,
        residual: Residual = "mul",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dim = filters
        self.transformer = Transformer(
            in_channels=in_channels,
            width=width,
            layers=layers,
            heads=heads,
            head_width=head_width,
            feedforward=feedforward,
            dropout=dropout,
            activation=activation,
        )
        # The batch normalisation that follows would take weight and bias of the encoder's last one away.
        last = self.transformer.encoder.layers[-1].get_submodule("feed_forward")
        last.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.norm = MaskedBatchNorm1d(width)
        self.project = nn.Conv1d(width, filters, 1)
        self.tim = TIM(
            in_channels=filters,
            filters=filters,
            blocks=blocks,
            mode=self.mode,
            residual=residual,
            prepare=False,
            dropout=dropout,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        encoded: Frames = self.transformer(x, lengths)
        frames: Frames = self.tim(self.project(self.norm(encoded.features, encoded.valid())), lengths)
        return frames


class TransformerDeltaTIM(TransformerTIM):
    """Transformer-DeltaTIM: as `TransformerTIM`, with a temporal stack in mode `diff`.

    Arguments and shapes are those of `TransformerTIM`.

    Example:
        >>> import torch
        >>> TransformerDeltaTIM(in_channels=39, width=64, layers=2)(torch.randn(2, 39, 50)).features.shape
        torch.Size([2, 39, 50])
    """

    mode: ClassVar[Mode] = "diff"
