"""Mel spectrogram with librosa's numbers. S samples, T frames, M mel bands."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

from feature_extractors.frontends.power import PowerSpectrogram

__all__ = ["MelSpectrogram", "mel_filters"]

BLOCK = 16  # bands that are computed together


def _hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    return torch.where(hz < 1000.0, hz * 3 / 200, 15.0 + 27.0 * torch.log(hz.clamp(min=1.0) / 1000.0) / math.log(6.4))


def _mel_to_hz(mel: Tensor) -> Tensor:
    """Return the frequency of a mel value; the inverse of `_hz_to_mel`."""
    return torch.where(mel < 15.0, mel * 200 / 3, 1000.0 * torch.exp(math.log(6.4) / 27.0 * (mel - 15.0)))


def mel_filters(*, sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """Triangular filters on the mel scale of Slaney, each of unit area, from 0 Hz to half the sample rate.

    Reference: Slaney, Auditory Toolbox, 1998; the numbers are those of librosa 0.11 (McFee et al., SciPy 2015).

    Args:
        sample_rate: in Hz.
        n_fft: length of the Fourier transform, in samples.
        bands: M.

    Shape:
        (M, n_fft // 2 + 1), float64

    Example:
        >>> mel_filters(sample_rate=16000, n_fft=800, bands=128).shape
        torch.Size([128, 401])
    """
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    top = _hz_to_mel(torch.tensor(sample_rate / 2, dtype=torch.float64)).item()
    edges = _mel_to_hz(torch.linspace(0.0, top, bands + 2, dtype=torch.float64))  # (M + 2,)
    widths = edges.diff()[:, None]  # (M + 1, 1)
    slopes = edges[:, None] - bins  # (M + 2, bins)
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


class MelSpectrogram(PowerSpectrogram):
    """Power spectrogram in mel bands: centred Hann frames, zeros beyond both ends of the clip.

    Reference: librosa 0.11, McFee et al., SciPy 2015, whose numbers these are.

    Args:
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.
        bands: M.

    Raises:
        ValueError: for a rate, a number of bands, a frame or a hop of less than 1.

    Shape:
        (..., S) -> (..., T, M) with T as of `PowerSpectrogram`

    Example:
        >>> MelSpectrogram(sample_rate=16000, n_fft=800, hop=512, bands=128)(torch.randn(16000)).shape
        torch.Size([32, 128])
    """

    def __init__(self, *, sample_rate: int, n_fft: int, hop: int, bands: int) -> None:
        super().__init__(n_fft=n_fft, hop=hop)
        if sample_rate < 1 or bands < 1:
            raise ValueError(f"sample_rate is {sample_rate} and bands {bands}; expected at least 1 each")
        self.bands = bands
        filters = mel_filters(sample_rate=sample_rate, n_fft=n_fft, bands=bands)
        self.blocks: list[tuple[str, int, int]] = []  # name of the filters, first value, number of values
        for index, block in enumerate(torch.split(filters, BLOCK)):
            covered = block.any(0).nonzero().flatten().tolist()
            low, bins = (covered[0], covered[-1] + 1 - covered[0]) if covered else (0, 1)
            self.blocks.append((f"filters_{index}", 2 * low, 2 * bins))
            # Each weight stands twice, for the squares of both parts, so that the product itself forms the power.
            triangles = block.narrow(1, low, bins).repeat_interleave(2, dim=1).T.float().contiguous()  # (2 bins, bands)
            self.register_buffer(f"filters_{index}", triangles, persistent=False)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {**super().record(), "bands": self.bands, "mel": "slaney"}

    def collect(self, squares: Tensor) -> Tensor:
        """Add up the squares within each band, (..., T, n_fft // 2 + 1, 2) -> (..., T, M)."""
        squares = squares.flatten(-2)
        # Most of the filter matrix is zero: a block of bands reads its own bins only.
        # Read as a dictionary: asking the module for each costs as much as a product.
        filters = cast("dict[str, Tensor]", self._buffers)
        blocks = [torch.matmul(squares.narrow(-1, low, values), filters[name]) for name, low, values in self.blocks]
        return torch.cat(blocks, dim=-1)
