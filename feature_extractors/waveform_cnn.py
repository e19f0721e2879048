"""Strided convolutions from samples to frames. N clips, S samples, F filters, T frames."""

from __future__ import annotations

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm1d
from feature_extractors.frames import real_frames, valid_frames, zero_padding
from feature_extractors.pooling import max_pool
from feature_extractors.sinc import SincConv1d

__all__ = ["FirstLayer", "WaveformCNN", "check_waveform", "conv_length"]

FirstLayer = Literal["conv", "sinc"]

POOL = 4  # frames that become one after each convolution


class WaveformCNN(nn.Module):
    """Convolution -> batch normalisation -> ReLU -> max pooling by 4, four times: one frame for 1024 samples.

    The first convolution is wide (80 samples, 5 ms at 16 kHz) with a stride of 4, the others see 3 frames. It can be
    replaced by band-pass filters with learned cut-offs. What stands after a clip's end counts as zeros at every layer,
    as it does for the clip alone.

    Reference: after Dai et al., Very Deep Convolutional Neural Networks for Raw Waveforms, ICASSP 2017 (M5).

    Args:
        channels: F, filters of every convolution.
        first_layer: `conv`, or `sinc` (`feature_extractors.sinc`) with 251 taps.
        layers: number of convolutions.
        sample_rate: of the waveform, in Hz (sinc).

    Shape:
        x (N, 1, S), lengths (N,) or None -> (N, F, T) with zero padding, mask of real frames (N, T) or None

    Raises:
        ValueError: for an unknown first layer.

    Example:
        >>> import torch
        >>> features, valid = WaveformCNN(32)(torch.randn(2, 1, 16000), torch.tensor([16000, 8000]))
        >>> features.shape, valid.sum(1)
        (torch.Size([2, 32, 16]), tensor([16,  8]))
    """

    def __init__(
        self, channels: int, *, first_layer: FirstLayer = "conv", layers: int = 4, sample_rate: int = 16000
    ) -> None:
        super().__init__()
        if first_layer not in get_args(FirstLayer):
            raise ValueError(f"first_layer is {first_layer!r}; expected one of {', '.join(get_args(FirstLayer))}")
        first: nn.Module = (
            SincConv1d(channels, stride=4, padding=125, sample_rate=sample_rate)
            if first_layer == "sinc"
            else nn.Conv1d(1, channels, 80, stride=4, padding=40, bias=False)
        )
        self.geometry = (251, 4, 125) if first_layer == "sinc" else (80, 4, 40)
        others = (nn.Conv1d(channels, channels, 3, padding=1, bias=False) for _ in range(layers - 1))
        self.convs = nn.ModuleList([first, *others])
        self.norms = nn.ModuleList(MaskedBatchNorm1d(channels) for _ in range(layers))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the frames and the mask of real ones."""
        x = zero_padding(x, real_frames(x, lengths, channels=1))
        x = self.convs[0](x)  # (N, F, T)
        if lengths is not None:
            lengths = conv_length(lengths, *self.geometry)
        valid = valid_frames(lengths, clips=x.shape[0], frames=x.shape[-1])
        x, valid = max_pool(F.relu(self.norms[0](x, valid)), valid, size=POOL)
        for conv, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            x, valid = max_pool(F.relu(norm(conv(x), valid)), valid, size=POOL)
        return x, valid


def conv_length(length: Tensor, kernel: int, stride: int, padding: int = 0) -> Tensor:
    """Return the frames that a convolution makes of so many: (L + 2 p - k) // s + 1.

    Args:
        length: L, samples or frames of each clip. Shape: (N,).
        kernel: k.
        stride: s.
        padding: p, zeros at either side.

    Shape:
        (N,)

    Example:
        >>> import torch
        >>> conv_length(torch.tensor([400, 16000]), 10, 5)
        tensor([  79, 3199])
    """
    return (length + 2 * padding - kernel) // stride + 1


def check_waveform(in_channels: int) -> None:
    """Refuse more than one channel where a waveform is wanted.

    Raises:
        ValueError: for anything but one channel.

    Example:
        >>> check_waveform(1)
    """
    if in_channels != 1:
        raise ValueError(
            f"this network hears waveforms, which have one channel, not {in_channels}; "
            "set `frontend: {name: waveform}`"
        )
