"""The waveform itself as features. S samples."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from feature_extractors.frontends.frontend import Frontend

__all__ = ["Waveform"]


class Waveform(Frontend):
    """Samples as they are, for networks that learn their own front end: one channel, one frame a sample.

    Args:
        sample_rate: in Hz.

    Shape:
        (S,) -> (1, S)

    Example:
        >>> import torch
        >>> Waveform()(torch.randn(16000)).shape
        torch.Size([1, 16000])
    """

    channels = 1

    def __init__(self, *, sample_rate: int = 16000) -> None:
        super().__init__()
        self.sample_rate = sample_rate

    def frames(self, samples: int) -> int:
        """Return T, the number of samples."""
        return samples

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {"name": "waveform", "sample_rate": self.sample_rate, "resampler": self.resampler}

    def single(self, waveform: Tensor) -> Tensor:
        """Return the samples, (1, S)."""
        return waveform[None]
