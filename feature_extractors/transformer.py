"""A Transformer encoder over frames. N clips, C input channels, D width, T frames."""

from __future__ import annotations

from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.temporal_block import ConvNorm
from feature_extractors.transformer_encoder import Activation, TransformerEncoder

__all__ = ["Transformer"]


class Transformer(nn.Module):
    """Prepare to D channels by two 1x1 convolutions, then a Transformer encoder.

    Prepare is 1x1 convolution to `hidden` channels -> BatchNorm -> ReLU -> 1x1 convolution to D -> BatchNorm -> ReLU.
    Without positions, the default here as in the lab notes, the order of the frames has no say.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        hidden: channels between the convolutions.
        width: D.
        layers: number of encoder layers.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        dropout: probability that a value is dropped inside the encoder.
        activation: of the feed-forward layers, `relu` or `gelu`.
        positions: add sinusoidal positions before the encoder.

    Attributes:
        dim: D, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, D, T)

    Raises:
        ValueError: for heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> extractor = Transformer(in_channels=39, width=64, layers=2)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 64, 50])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        hidden: int = 128,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        dropout: float = 0.1,
        activation: Activation = "relu",
        positions: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = width
        self.narrow = ConvNorm(in_channels, hidden)
        self.widen = ConvNorm(hidden, width)
        self.encoder = TransformerEncoder(
            width,
            layers=layers,
            heads=heads,
            head_width=head_width,
            feedforward=feedforward,
            dropout=dropout,
            activation=activation,
            positions=positions,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = self.narrow(zero_padding(x, valid), valid)  # (N, hidden, T)
        x = self.widen(x, valid)  # (N, D, T)
        return Frames.build(self.encoder(x, valid), valid)
