"""Band-pass filters with learned cut-off frequencies. N clips, K filters, L taps, S samples."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SincConv1d", "sinc_filters"]

LOWEST = 50.0  # Hz; the lowest cut-off and the narrowest band, as the paper's authors have them


def sinc_filters(low: Tensor, high: Tensor, taps: int) -> Tensor:
    """Return windowed ideal band-pass filters of unit gain.

    g_k[n] = w[n] (2 f2_k sinc(2 f2_k n) - 2 f1_k sinc(2 f1_k n)), n = -(L-1)/2 ... (L-1)/2, with
    sinc(x) = sin(pi x) / (pi x) and the Hamming window w.

    Reference: Ravanelli and Bengio, Speaker Recognition from Raw Waveform with SincNet, SLT 2018.

    Args:
        low: f1, lower cut-offs as parts of the sample rate. Shape: (K,).
        high: f2, upper cut-offs. Shape: (K,).
        taps: L, odd.

    Shape:
        (K, L)

    Example:
        >>> sinc_filters(torch.tensor([0.1]), torch.tensor([0.25]), 3).round(decimals=4)
        tensor([[0.0105, 0.3000, 0.0105]])
    """
    n = torch.arange(taps, device=low.device, dtype=low.dtype) - (taps - 1) // 2  # (L,)
    window = torch.hamming_window(taps, periodic=False, device=low.device, dtype=low.dtype)
    lower, upper = (2 * f[:, None] * torch.sinc(2 * f[:, None] * n) for f in (low, high))  # (K, L)
    return (upper - lower) * window


class SincConv1d(nn.Module):
    """Convolution of a waveform with band-pass filters, of which only the cut-offs are learned.

    f1 = lowest + |a|, f2 = min(f1 + narrowest + |b|, 1/2); a and b start so that the bands tile the mel scale. They are
    parts of the sample rate, not Hz, so that one rate of learning suits them and all other weights.

    Reference: Ravanelli and Bengio, Speaker Recognition from Raw Waveform with SincNet, SLT 2018.

    Args:
        filters: K.
        taps: L, odd.
        stride: in samples.
        padding: zeros before and after the waveform, in samples.
        sample_rate: in Hz.

    Shape:
        (N, 1, S) -> (N, K, (S + 2 padding - L) // stride + 1)

    Raises:
        ValueError: for an even number of taps, which has no middle.

    Example:
        >>> SincConv1d(80)(torch.randn(2, 1, 3200)).shape
        torch.Size([2, 80, 2950])
    """

    def __init__(
        self, filters: int, *, taps: int = 251, stride: int = 1, padding: int = 0, sample_rate: int = 16000
    ) -> None:
        super().__init__()
        if taps % 2 == 0:
            raise ValueError(f"taps is {taps}; a filter that is symmetric about a sample needs an odd number")
        self.taps, self.stride, self.padding = taps, stride, padding
        self.lowest = LOWEST / sample_rate
        mel = torch.linspace(_mel(30.0), _mel(sample_rate / 2 - 3 * LOWEST), filters + 1)
        edges = 700 * (10 ** (mel / 2595) - 1) / sample_rate  # (K + 1,)
        self.low = nn.Parameter(edges[:-1])
        self.band = nn.Parameter(edges.diff())

    def cutoffs(self) -> tuple[Tensor, Tensor]:
        """Return the lower and upper cut-offs as parts of the sample rate, (K,) each."""
        low = (self.lowest + self.low.abs()).clamp(max=0.5 - self.lowest)
        return low, (low + self.lowest + self.band.abs()).clamp(max=0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Filter x."""
        filters = sinc_filters(*self.cutoffs(), self.taps)[:, None]  # (K, 1, L)
        return F.conv1d(x, filters, stride=self.stride, padding=self.padding)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
