"""Logarithmic mel spectrogram. N clips, S samples, T frames, M mel bands."""

from __future__ import annotations

from typing import Any

from feature_extractors.frontends.decibel_frontend import DecibelFrontend
from feature_extractors.frontends.mel import MelSpectrogram

__all__ = ["LogMel"]


class LogMel(DecibelFrontend):
    """Mel spectrogram in decibels, equal to librosa's: x -> max(10 log10 max(mel |STFT(x)|^2, 1e-10), peak - 80).

    Reference: librosa 0.11, McFee et al., SciPy 2015.

    Args:
        bands: M, which are the channels.
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.

    Shape:
        (S,) -> (M, T) with T = 1 + S // hop, where n_fft is odd 1 + (S - 1) // hop

    Example:
        >>> import torch
        >>> LogMel(bands=64)(torch.randn(160000)).shape
        torch.Size([64, 313])
    """

    def __init__(self, *, bands: int = 64, sample_rate: int = 16000, n_fft: int = 800, hop: int = 512) -> None:
        mel = MelSpectrogram(sample_rate=sample_rate, n_fft=n_fft, hop=hop, bands=bands)
        super().__init__(channels=bands, sample_rate=sample_rate, power=mel)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {"name": "log_mel", **super().record()}
