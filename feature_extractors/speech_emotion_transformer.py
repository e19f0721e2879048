"""The Speech Emotion Transformer and its image form. N clips, C input channels, D width, T frames, J layers."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm2d
from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.pooling import masked_mean, max_pool
from feature_extractors.temporal_block import ConvNorm
from feature_extractors.transformer_encoder import Activation, TransformerEncoder

__all__ = ["ImageBlock", "SpeechEmotionConvTransformer", "SpeechEmotionTransformer"]

CHANNELS = (16, 32, 64, 128)  # of the image blocks
POOLS = (2, 2, 3, 3)  # sides of their pooling windows


class SpeechEmotionTransformer(nn.Module):
    """SET: 1x1 convolution to D, batch normalisation, sinusoidal positions, encoder, weighted sum over its layers.

    Reference: after Vaswani et al., Attention Is All You Need, NeurIPS 2017; weighted sum: Peters et al., NAACL 2018.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        width: D.
        layers: J, at least two.
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
        ValueError: for less than two layers, heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> extractor = SpeechEmotionTransformer(in_channels=39, width=64)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 64, 50])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        dropout: float = 0.1,
        activation: Activation = "relu",
        positions: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = width
        self.project = ConvNorm(in_channels, width, relu=False)
        self.encoder = TransformerEncoder(
            width,
            layers=layers,
            heads=heads,
            head_width=head_width,
            feedforward=feedforward,
            dropout=dropout,
            activation=activation,
            positions=positions,
            weighted_sum=True,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        return Frames.build(self.encoder(self.project(zero_padding(x, valid), valid), valid), valid)


class ImageBlock(nn.Module):
    """3x3 convolution, batch normalisation, ReLU and max pooling over images whose one axis is time.

    Padded frames count for nothing: they are zero for the convolution, as what lies outside the image is, absent for
    the normalisation, and lose in the pooling. The last window of each axis is what is left of it.

    Args:
        in_channels: channels of the input.
        channels: channels of the output.
        pool: side of the pooling window, P.

    Shape:
        x (N, in_channels, D, T), zero in the padding, valid (N, T) or None ->
        (N, channels, ceil(D / P), ceil(T / P)) and its mask

    Example:
        >>> ImageBlock(3, 16, pool=2)(torch.randn(2, 3, 32, 50), None)[0].shape
        torch.Size([2, 16, 16, 25])
    """

    def __init__(self, in_channels: int, channels: int, *, pool: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.norm = MaskedBatchNorm2d(channels)
        self.pool = pool

    def forward(self, x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Apply the block; `valid` marks the real frames."""
        y = F.relu(self.norm(self.conv(x), valid))  # (N, channels, D, T)
        y = F.max_pool2d(y, (self.pool, 1), ceil_mode=True)  # (N, channels, D', T)
        rows, valid = max_pool(y.flatten(1, 2), valid, size=self.pool)  # the maximum of a window, axis after axis
        return rows.view(*y.shape[:3], -1), valid


class SpeechEmotionConvTransformer(nn.Module):
    """SET_official: the layers of a Speech Emotion Transformer as channels of an image, through a convolutional network.

    The J layers' outputs (D, T) are the image; batch normalisation, four blocks of 3x3 convolution -> BatchNorm -> ReLU
    -> max pooling (16, 32, 64, 128 channels; pooling by 2, 2, 3, 3), the mean over what is left of time, a linear layer
    to the embedding, ReLU, dropout. The mean makes room for clips of any length where an image of fixed size would be
    flattened.

    Reference: after Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        width: D.
        layers: J.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        embedding: E, size of the embedding.
        dropout: probability that a value is dropped inside the encoder and of the embedding.
        activation: of the feed-forward layers, `relu` or `gelu`.
        positions: add sinusoidal positions before the encoder; the lab notes found 4 points more without.

    Attributes:
        dim: E, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, E, 1), the clip as one frame

    Raises:
        ValueError: for heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> extractor = SpeechEmotionConvTransformer(in_channels=39, width=64)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 100, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        embedding: int = 100,
        dropout: float = 0.1,
        activation: Activation = "relu",
        positions: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = embedding
        self.project = ConvNorm(in_channels, width, relu=False)
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
        self.norm = MaskedBatchNorm2d(layers)
        sizes = pairwise((layers, *CHANNELS))
        self.blocks = nn.ModuleList(ImageBlock(a, b, pool=p) for (a, b), p in zip(sizes, POOLS, strict=True))
        for pool in POOLS:
            width = -(-width // pool)
        self.linear = nn.Linear(CHANNELS[-1] * width, embedding)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = self.project(zero_padding(x, valid), valid)  # (N, D, T)
        image = self.norm(torch.stack(self.encoder.outputs(x, valid), dim=1), valid)  # (N, J, D, T)
        image = zero_padding(image.flatten(1, 2), valid).view_as(image)
        for block in self.blocks:
            image, valid = block(image, valid)
        pooled = masked_mean(image.flatten(1, 2), valid)  # (N, 128 D')
        embedding = self.dropout(F.relu(self.linear(pooled)))  # (N, E)
        return Frames.build(embedding[..., None], None)
