"""Convolutions over the waveform, then an LSTM. N clips, S samples, F features, T frames."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from feature_extractors.frames import Frames
from feature_extractors.lstm import MaskedLSTM
from feature_extractors.pointwise_mlp import Norm, PointwiseMLP
from feature_extractors.pooling import masked_mean
from feature_extractors.waveform_cnn import FirstLayer, WaveformCNN, check_waveform

__all__ = ["CNNLSTM"]


class CNNLSTM(nn.Module):
    """Waveform -> strided convolutions -> (Bi)LSTM, and where asked for the mean over time -> dense layers.

    Without dense layers it gives every frame to the head, whose mean is the mean over time.

    Reference: after Trigeorgis et al., Adieu Features?, ICASSP 2016.

    Args:
        in_channels: 1, the waveform.
        channels: filters of every convolution: 32, 64 or 128.
        first_layer: `conv`, or `sinc` for band-pass filters with learned cut-offs.
        units: units of the LSTM in each direction.
        layers: layers of the LSTM.
        bidirectional: let the LSTM run both ways.
        dnn: widths of dense layers after the mean over time, such as [128, 128, 128].
        norm: normalisation of the dense layers: `batch`, `layer` or `none`.
        dropout: probability that a unit of a dense layer, or between LSTM layers, is dropped.
        sample_rate: of the waveform, in Hz (sinc).

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, ceil(S / 1024)), or of (N, F, 1) with dense layers

    Raises:
        ValueError: for more than one channel, or an unknown name.

    Example:
        >>> import torch
        >>> extractor = CNNLSTM(in_channels=1, channels=32)
        >>> extractor(torch.randn(2, 1, 16000), torch.tensor([16000, 8000])).features.shape
        torch.Size([2, 128, 16])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int = 64,
        first_layer: FirstLayer = "conv",
        units: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        dnn: Sequence[int] = (),
        norm: Norm = "batch",
        dropout: float = 0.0,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        check_waveform(in_channels)
        self.cnn = WaveformCNN(channels, first_layer=first_layer, sample_rate=sample_rate)
        self.lstm = MaskedLSTM(channels, units, layers=layers, bidirectional=bidirectional, dropout=dropout)
        self.dnn = PointwiseMLP(self.lstm.dim, dnn, norm=norm, dropout=dropout) if dnn else None
        self.dim = self.lstm.dim if self.dnn is None else self.dnn.dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real samples of each clip."""
        x, valid = self.cnn(x, lengths)  # (N, channels, T)
        x = self.lstm(x, valid)
        if self.dnn is None:
            return Frames.build(x, valid)
        return Frames.build(self.dnn(masked_mean(x, valid)[..., None]), None)  # (N, F, 1)
