"""Logarithmic spectrogram of a band of frequencies. S samples, T frames, M bins."""

from __future__ import annotations

import math
from typing import Any

from feature_extractors.frontends.decibel_frontend import DecibelFrontend
from feature_extractors.frontends.power import PowerSpectrogram

__all__ = ["Spectrogram"]


class Spectrogram(DecibelFrontend):
    """Power in decibels of the bins from `low` to `high`, equal to librosa's.

    x -> max(10 log10 max(|STFT(x)|^2, 1e-10), peak - 80), where the peak is that of the band: what lies outside has no
    say. Hann frames of 50 ms (800 samples) every 32 ms (512 samples), bins of 20 Hz.

    Reference: librosa 0.11, McFee et al., SciPy 2015.

    Args:
        low: lowest frequency kept, in Hz.
        high: highest frequency kept, in Hz; None for half the sample rate.
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.

    Attributes:
        channels: M, the bins whose centre lies in [low, high].

    Shape:
        (S,) -> (M, T) with T = 1 + S // hop, where n_fft is odd 1 + (S - 1) // hop

    Raises:
        ValueError: for a band without a bin, or one that reaches beyond half the sample rate.

    Example:
        >>> import torch
        >>> Spectrogram(high=4000)(torch.randn(160000)).shape
        torch.Size([201, 313])
    """

    def __init__(
        self,
        *,
        low: float = 0.0,
        high: float | None = None,
        sample_rate: int = 16000,
        n_fft: int = 800,
        hop: int = 512,
    ) -> None:
        half = sample_rate / 2
        high = half if high is None else high
        if not 0 <= low <= high <= half:
            raise ValueError(
                f"the band is {low:g} to {high:g} Hz; expected 0 <= low <= high <= {half:g}, half the rate"
            )
        first, last = math.ceil(low * n_fft / sample_rate), math.floor(high * n_fft / sample_rate)
        if last < first:
            width = sample_rate / n_fft
            raise ValueError(f"no bin lies from {low:g} to {high:g} Hz; bins are {width:g} Hz apart, widen the band")
        power = PowerSpectrogram(n_fft=n_fft, hop=hop, first=first, last=last)
        super().__init__(channels=power.bins, sample_rate=sample_rate, power=power)
        self.low, self.high = float(low), float(high)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {"name": "spectrogram", "low": self.low, "high": self.high, **super().record()}
