"""What every front end offers. N clips, S samples, C channels, T frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from feature_extractors.frames import valid_frames

__all__ = ["Frontend"]


class Frontend(nn.Module, ABC):
    """A front end maps a waveform (S,) to features (C, T), the same numbers alone or in a batch.

    Attributes:
        channels: C.
        sample_rate: of the waveform, in Hz.
        resampler: what a waveform of another rate has to be resampled with before; part of the record.
        on_device: whether `batch` is fast enough, and on every device, to run in each training step.
    """

    channels: int
    sample_rate: int
    resampler: ClassVar[str] = "soxr_hq"
    on_device: ClassVar[bool] = True

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Return T, the number of frames of a clip of so many samples."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON: they key the feature cache and go into checkpoints."""

    def batch(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map padded waveforms to features; neither padding nor neighbours change a clip's numbers.

        Args:
            waveforms: samples; what stands past a clip's length is ignored. Shape: (N, S).
            lengths: number of samples of each clip. Shape: (N,).

        Shape:
            features (N, C, T), zero past a clip's length, and lengths in frames (N,)

        Raises:
            ValueError: for lengths that do not fit the batch.
        """
        valid_frames(lengths, clips=waveforms.shape[0], frames=waveforms.shape[1])
        clips = [self.single(w[:n].float()).T for w, n in zip(waveforms, lengths.tolist(), strict=True)]  # (T, C)
        counts = torch.tensor([len(clip) for clip in clips], device=lengths.device)
        return pad_sequence(clips, batch_first=True).transpose(1, 2), counts

    def forward(self, waveform: Tensor | NDArray[np.floating]) -> Tensor:
        """Map one waveform (S,) to features (C, T).

        Raises:
            TypeError: for something that is no array or tensor of floating point numbers.
            ValueError: for a waveform that is empty or has more than one dimension.
        """
        return self.single(as_waveform(waveform))

    @abstractmethod
    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""


def as_waveform(waveform: Tensor | NDArray[np.floating]) -> Tensor:
    """Return a waveform as a float32 tensor, or say what is wrong with it."""
    if isinstance(waveform, np.ndarray):
        waveform = torch.from_numpy(np.ascontiguousarray(waveform))
    if not isinstance(waveform, Tensor) or not waveform.is_floating_point():
        kind = getattr(waveform, "dtype", type(waveform).__name__)
        raise TypeError(f"the waveform is {kind}; expected floating point samples in [-1, 1], an array or a tensor")
    if waveform.ndim != 1 or waveform.numel() == 0:
        raise ValueError(
            f"the waveform has shape {tuple(waveform.shape)}; expected mono samples, (samples,), at least one"
        )
    return waveform.float()
