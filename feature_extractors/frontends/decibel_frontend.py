"""What front ends over power in decibels share. N clips, S samples, C channels, T frames, M bands or bins."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from feature_extractors.frames import valid_frames, zero_padding
from feature_extractors.frontends.decibels import AMIN, TOP_DB, power_to_db
from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.power import PowerSpectrogram

__all__ = ["DecibelFrontend"]


class DecibelFrontend(Frontend):
    """Front end over decibels: centred Hann frames, a floor 80 dB below the peak of the clip.

    Args:
        channels: C.
        sample_rate: in Hz.
        power: waveform (..., S) -> power (..., T, M).
    """

    shows_all: ClassVar[bool] = True  # by the peak of the clip

    def __init__(self, *, channels: int, sample_rate: int, power: PowerSpectrogram) -> None:
        super().__init__()
        self.channels, self.sample_rate, self.power = channels, sample_rate, power

    def from_decibels(self, db: Tensor, lengths: Tensor | None) -> Tensor:
        """Map decibels (..., T, M) to features (..., C, T); here the bands or bins are the channels.

        Args:
            db: decibels. Shape: (..., T, M).
            lengths: number of real frames of each clip, None where nothing is padded. Shape: (N,).
        """
        return db.transpose(-2, -1)

    def frames(self, samples: int) -> int:
        """Return T, the number of frames of a clip of so many samples."""
        return self.power.frames(samples)

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        own = {"sample_rate": self.sample_rate, "amin": AMIN, "top_db": TOP_DB, "resampler": self.resampler}
        return {**self.power.record(), **own}

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""
        return self.from_decibels(power_to_db(self.power(waveform)), None)

    def padded(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map checked waveforms (N, S), zero past each clip's length, together: the same numbers as clip by clip."""
        # A processor is fastest with what fits its cache, an accelerator with everything at once.
        power = torch.stack([self.power(clip) for clip in x]) if x.device.type == "cpu" else self.power(x)  # (N, T, M)
        counts = self.power.frames(lengths)  # (N,)
        valid = valid_frames(counts, clips=len(x), frames=power.shape[1])  # (N, T)
        db = power_to_db(power, valid)
        return zero_padding(self.from_decibels(db, None if valid is None else counts), valid), counts
