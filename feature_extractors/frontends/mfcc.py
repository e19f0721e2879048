"""The MFCC of the lab's notes, with librosa's numbers. N clips, S samples, C channels, T frames, M mel bands."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_extractors.frontends.decibel_frontend import DecibelFrontend
from feature_extractors.frontends.deltas import deltas
from feature_extractors.frontends.mel import MelSpectrogram

__all__ = ["MFCC"]


class MFCC(DecibelFrontend):
    """Mel-frequency cepstral coefficients with deltas, equal to librosa's.

    c = DCT-II(dB(mel |STFT(x)|^2)), orthonormal, the first 13 of 128 bands; order 2 appends the deltas of c and order 3
    the deltas of these. Hann frames of 50 ms (800 samples) every 32 ms (512 samples), centred, zeros beyond both ends.
    The cosine transform runs in float64, which the agreement with librosa needs.

    Reference: Davis and Mermelstein, IEEE TASSP 1980; librosa 0.11, McFee et al., SciPy 2015.

    Args:
        order: 1 for the MFCC, 2 with deltas, 3 with deltas of deltas.
        coefficients: MFCC of each frame, without deltas.
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.
        bands: M.

    Attributes:
        channels: C = order * coefficients.

    Shape:
        (S,) -> (C, T) with T = 1 + S // hop, where n_fft is odd 1 + (S - 1) // hop: 10 s give 313.

    Raises:
        ValueError: for an order other than 1, 2, 3, more coefficients than bands, or a rate, frame or hop below 1.

    Example:
        >>> import torch
        >>> mfcc = MFCC(order=3)
        >>> mfcc(torch.randn(160000)).shape
        torch.Size([39, 313])
        >>> features, lengths = mfcc.batch(torch.randn(2, 160000), torch.tensor([160000, 96000]))
        >>> features.shape, lengths
        (torch.Size([2, 39, 313]), tensor([313, 188]))
    """

    cosines: Tensor

    def __init__(
        self,
        *,
        order: int = 3,
        coefficients: int = 13,
        sample_rate: int = 16000,
        n_fft: int = 800,
        hop: int = 512,
        bands: int = 128,
    ) -> None:
        if order not in (1, 2, 3):
            raise ValueError(f"order is {order}; expected 1 (MFCC), 2 (and deltas) or 3 (and deltas of deltas)")
        if not 1 <= coefficients <= bands:
            raise ValueError(f"coefficients is {coefficients}; expected 1 to {bands}, the number of mel bands")
        mel = MelSpectrogram(sample_rate=sample_rate, n_fft=n_fft, hop=hop, bands=bands)
        super().__init__(channels=order * coefficients, sample_rate=sample_rate, power=mel)
        self.order, self.coefficients = order, coefficients
        self.register_buffer("cosines", _cosine_transform(bands, coefficients), persistent=False)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        own = {"order": self.order, "coefficients": self.coefficients, "dct": "ii, ortho", "delta_width": 3}
        return {"name": "mfcc", **own, **super().record()}

    def from_decibels(self, db: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the MFCC of decibels, and the deltas that the order asks for."""
        orders = [F.linear(db.double(), self.cosines).float().transpose(-2, -1)]  # (..., 13, T)
        for _ in range(1, self.order):
            orders.append(deltas(orders[-1], lengths))
        return torch.cat(orders, dim=-2)


def _cosine_transform(bands: int, coefficients: int) -> Tensor:
    """Return the orthonormal DCT-II as a matrix, (coefficients, bands), float64."""
    band = torch.arange(bands, dtype=torch.float64)
    order = torch.arange(coefficients, dtype=torch.float64)[:, None]
    matrix = torch.cos(math.pi * order * (band + 0.5) / bands) * math.sqrt(2 / bands)
    matrix[0] /= math.sqrt(2)
    return matrix
