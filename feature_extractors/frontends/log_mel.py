"""Logarithmic mel spectrogram. N clips, S samples, T frames, M mel bands."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from feature_extractors.frontends.mel_frontend import MelFrontend

__all__ = ["LogMel"]


class LogMel(MelFrontend):
    """Mel spectrogram in decibels, equal to librosa's: x -> max(10 log10 max(mel |STFT(x)|^2, 1e-10), peak - 80).

    Reference: librosa 0.11, McFee et al., SciPy 2015.

    Args:
        bands: M, which are the channels.
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.

    Shape:
        (S,) -> (M, T) with T = 1 + S // hop

    Example:
        >>> import torch
        >>> LogMel(bands=64)(torch.randn(160000)).shape
        torch.Size([64, 313])
    """

    def __init__(self, *, bands: int = 64, sample_rate: int = 16000, n_fft: int = 800, hop: int = 512) -> None:
        super().__init__(channels=bands, sample_rate=sample_rate, n_fft=n_fft, hop=hop, bands=bands)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {"name": "log_mel", **super().record()}

    def from_decibels(self, db: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the decibels with the bands as channels."""
        return db.transpose(-2, -1)
