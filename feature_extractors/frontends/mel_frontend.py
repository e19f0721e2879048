"""What front ends over a mel spectrogram share. N clips, S samples, C channels, T frames, M mel bands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from feature_extractors.frames import valid_frames, zero_padding
from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.mel import AMIN, TOP_DB, MelSpectrogram, power_to_db

__all__ = ["MelFrontend"]


class MelFrontend(Frontend):
    """Front end over mel decibels: centred Hann frames, the mel scale of Slaney, a floor 80 dB below the peak.

    Args:
        channels: C.
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.
        bands: M.
    """

    def __init__(self, *, channels: int, sample_rate: int, n_fft: int, hop: int, bands: int) -> None:
        super().__init__()
        self.channels, self.sample_rate, self.hop = channels, sample_rate, hop
        self.mel = MelSpectrogram(sample_rate=sample_rate, n_fft=n_fft, hop=hop, bands=bands)

    @abstractmethod
    def from_decibels(self, db: Tensor, lengths: Tensor | None) -> Tensor:
        """Map decibels (..., T, M) to features (..., C, T); `lengths` counts real frames, None where none is padded."""

    def frames(self, samples: int) -> int:
        """Return T, the number of frames of a clip of so many samples."""
        return 1 + samples // self.hop

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {
            "sample_rate": self.sample_rate,
            "n_fft": self.mel.n_fft,
            "hop": self.hop,
            "bands": self.mel.bands,
            "window": "hann",
            "padding": "centre, zeros",
            "mel": "slaney",
            "amin": AMIN,
            "top_db": TOP_DB,
            "resampler": self.resampler,
        }

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""
        return self.from_decibels(power_to_db(self.mel(waveform)), None)

    def batch(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map padded waveforms to features, the same numbers as clip by clip.

        Args:
            waveforms: samples; what stands past a clip's length is ignored. Shape: (N, S).
            lengths: number of samples of each clip. Shape: (N,).

        Shape:
            features (N, C, T), zero past a clip's length, and lengths in frames (N,)

        Raises:
            ValueError: for lengths that do not fit the batch.
        """
        clips, samples = waveforms.shape
        real = valid_frames(lengths, clips=clips, frames=samples)  # (N, S)
        x = waveforms.float()
        x = x if real is None else x.masked_fill(~real, 0)
        # A processor is fastest with what fits its cache, an accelerator with everything at once.
        power = torch.stack([self.mel(clip) for clip in x]) if x.device.type == "cpu" else self.mel(x)  # (N, T, M)
        counts = 1 + lengths.div(self.hop, rounding_mode="floor")  # (N,)
        valid = valid_frames(counts, clips=clips, frames=power.shape[1])  # (N, T)
        db = power_to_db(power, valid)
        return zero_padding(self.from_decibels(db, None if valid is None else counts), valid), counts
