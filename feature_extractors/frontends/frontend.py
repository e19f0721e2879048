"""What every front end offers. N clips, S samples, C channels, T frames."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from feature_extractors.frames import valid_frames

__all__ = ["Frontend"]

Found = TypeVar("Found", Tensor, tuple[Tensor, Tensor])


class Frontend(nn.Module, ABC):
    """A front end maps a waveform (S,) to features (C, T), the same numbers alone or in a batch, and under autocast.

    Its constants stay in their precision where a network around it is halved.

    Attributes:
        channels: C.
        sample_rate: of the waveform, in Hz.
        resampler: what a waveform of another rate has to be resampled with before; part of the record.
        on_device: whether `batch` is fast enough, and on every device, to run in each training step.
        shows_all: whether a sample that is not finite always shows in the features, which are fewer to look through.
    """

    channels: int
    sample_rate: int
    resampler: ClassVar[str] = "soxr_hq"
    on_device: ClassVar[bool] = True
    shows_all: ClassVar[bool] = False

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
            TypeError: for something else than tensors, of floating point numbers and of integers.
            ValueError: for another shape, lengths that do not fit the batch, or samples that are not finite.
        """
        _check_kind(waveforms)
        if waveforms.ndim != 2 or 0 in waveforms.shape:
            hint = ": a waveform of one channel is x[:, 0]" if waveforms.ndim == 3 and waveforms.shape[1] == 1 else ""
            raise ValueError(f"the waveforms have shape {tuple(waveforms.shape)}; expected (clips, samples){hint}")
        if lengths is None:
            raise TypeError("lengths is None; expected the number of samples of each clip")
        real = valid_frames(lengths, clips=waveforms.shape[0], frames=waveforms.shape[1])  # (N, S)
        x = waveforms.float() if real is None else waveforms.float().masked_fill(~real, 0)
        return self._heard(x, lambda: self.padded(x, lengths))

    def padded(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map checked waveforms (N, S), zero past each clip's length, as `batch` does; here clip by clip."""
        clips = [self.single(clip[:n]).T for clip, n in zip(x, lengths.tolist(), strict=True)]  # (T, C)
        counts = torch.tensor([len(clip) for clip in clips], device=lengths.device)
        return pad_sequence(clips, batch_first=True).transpose(1, 2), counts

    def forward(self, waveform: Tensor | NDArray[np.floating]) -> Tensor:
        """Map one waveform (S,) to features (C, T).

        Raises:
            TypeError: for something that is no array or tensor of floating point numbers.
            ValueError: for a waveform that is empty, has more than one dimension, or holds samples that are not finite.
        """
        x = as_waveform(waveform)
        return self._heard(x, lambda: self.single(x))

    def _heard(self, x: Tensor, compute: Callable[[], Found]) -> Found:
        """Compute features of samples that are all finite, in single precision: in 16 bits it is another front end."""
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self._heard(x, compute)
        if not self.shows_all:
            _check_finite(x, x)
        found = compute()
        if self.shows_all:
            _check_finite(x, found[0] if isinstance(found, tuple) else found)
        return found

    @abstractmethod
    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Frontend:
        """Follow a network to its device, and not to its precision."""
        moved: Frontend = super()._apply(lambda constant: constant.to(fn(constant).device), recurse)  # type: ignore[no-untyped-call]  # as torch leaves it
        return moved


def as_waveform(waveform: Tensor | NDArray[np.floating]) -> Tensor:
    """Return a waveform as a float32 tensor, or say what is wrong with it."""
    if isinstance(waveform, np.ndarray):
        waveform = torch.from_numpy(np.ascontiguousarray(waveform))
    _check_kind(waveform)
    if waveform.ndim != 1 or waveform.numel() == 0:
        raise ValueError(
            f"the waveform has shape {tuple(waveform.shape)}; expected mono samples, (samples,), at least one"
        )
    return waveform.float()


def _check_kind(waveform: object) -> None:
    """Refuse what is no tensor of floating point numbers."""
    if not isinstance(waveform, Tensor) or not waveform.is_floating_point():
        kind = getattr(waveform, "dtype", type(waveform).__name__)
        raise TypeError(f"the waveform is {kind}; expected a tensor of floating point samples in [-1, 1]")


def _check_finite(x: Tensor, seen: Tensor) -> None:
    """Refuse NaN and infinity in a waveform, where they show in what is seen; not inside a graph, which cannot ask."""
    if torch.compiler.is_compiling() or math.isfinite(seen.sum()):  # a sum costs little, and is finite only if all are
        return
    wrong = torch.nonzero(~x.isfinite())
    if len(wrong):
        at = wrong[0].tolist()
        raise ValueError(f"the waveform has samples that are not finite, such as {x[tuple(at)].item()} at {at}")
