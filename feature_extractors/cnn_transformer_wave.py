"""Convolutions over the waveform, then a Transformer encoder. N clips, S samples, F features, T frames."""

from __future__ import annotations

from torch import Tensor, nn

from feature_extractors.frames import Frames, zero_padding
from feature_extractors.transformer_encoder import TransformerEncoder
from feature_extractors.waveform_cnn import FirstLayer, WaveformCNN, check_waveform

__all__ = ["CNNTransformerWave"]


class CNNTransformerWave(nn.Module):
    """Waveform -> strided convolutions -> 1x1 convolution -> Transformer encoder: `cnn_lstm` without its LSTM.

    Reference: after Dai et al., ICASSP 2017 (convolutions) and Vaswani et al., NeurIPS 2017 (encoder).

    Args:
        in_channels: 1, the waveform.
        channels: filters of every convolution.
        first_layer: `conv`, or `sinc` for band-pass filters with learned cut-offs.
        width: F, of the encoder.
        layers: of the encoder.
        heads: of the attention; they divide F.
        feedforward: width inside the feed-forward layers.
        dropout: probability that a value is dropped in the encoder.
        positions: add sinusoidal positions, without which the encoder does not know the order of frames.
        sample_rate: of the waveform, in Hz (sinc).

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, ceil(S / 1024))

    Raises:
        ValueError: for more than one channel, an unknown name, or heads that do not divide F.

    Example:
        >>> import torch
        >>> extractor = CNNTransformerWave(in_channels=1, width=64, heads=4)
        >>> extractor(torch.randn(2, 1, 16000), torch.tensor([16000, 8000])).features.shape
        torch.Size([2, 64, 16])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int = 64,
        first_layer: FirstLayer = "conv",
        width: int = 128,
        layers: int = 2,
        heads: int = 8,
        feedforward: int = 512,
        dropout: float = 0.1,
        positions: bool = True,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        check_waveform(in_channels)
        self.cnn = WaveformCNN(channels, first_layer=first_layer, sample_rate=sample_rate)
        self.project = nn.Conv1d(channels, width, 1)
        self.encoder = TransformerEncoder(
            width, layers=layers, heads=heads, feedforward=feedforward, dropout=dropout, positions=positions
        )
        self.dim = width

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real samples of each clip."""
        x, valid = self.cnn(x, lengths)  # (N, channels, T)
        return Frames.build(self.encoder(zero_padding(self.project(x), valid), valid), valid)
