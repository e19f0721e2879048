"""The extended Geneva minimalistic acoustic parameter set. S samples, C channels, T frames."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from feature_extractors.frontends.frontend import Frontend

__all__ = ["EGeMAPS"]

Level = Literal["functionals", "lld"]

CHANNELS = {"functionals": 88, "lld": 25}
SHORTEST = 960  # samples of the longest window, 60 ms
HOP = 160  # samples from one frame of the low-level descriptors to the next, 10 ms


class EGeMAPS(Frontend):
    """eGeMAPSv02 of openSMILE at 16 kHz: 88 functionals of the clip, or 25 low-level descriptors every 10 ms.

    A clip shorter than 60 ms, the longest window, is padded with zeros. Needs opensmile: `pip install
    transfer-speech[functionals]`.

    Reference: Eyben et al., The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
    Computing, IEEE TAC 2016.

    Args:
        level: `functionals`, one frame a clip, or `lld`.

    Attributes:
        channels: C, 88 or 25.

    Shape:
        (S,) -> (88, 1) or (25, T): 10 s give 996 frames.

    Raises:
        ValueError: for an unknown level.
        ImportError: where opensmile is not installed.

    Example:
        >>> egemaps = EGeMAPS()
        >>> egemaps.channels, egemaps.frames(160000)
        (88, 1)
    """

    sample_rate = 16000
    on_device: ClassVar[bool] = False

    def __init__(self, *, level: Level = "functionals") -> None:
        super().__init__()
        if level not in get_args(Level):
            raise ValueError(f"unknown level {level!r}; choose one of {', '.join(get_args(Level))}")
        if find_spec("opensmile") is None:
            raise ImportError("eGeMAPS needs opensmile: pip install 'transfer-speech[functionals]'")
        self.level, self.channels = level, CHANNELS[level]

    @cached_property
    def smile(self) -> Any:
        """Return openSMILE with the feature set."""
        import opensmile

        names = {"functionals": "Functionals", "lld": "LowLevelDescriptors"}
        return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel[names[self.level]])

    def frames(self, samples: int) -> int:
        """Return T: one for functionals; for low-level descriptors the 60 ms windows of the clip, and one at its end."""
        return 1 if self.level == "functionals" else 2 + max(samples - SHORTEST, 0) // HOP

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {
            "name": "egemaps",
            "set": "eGeMAPSv02",
            "level": self.level,
            "sample_rate": self.sample_rate,
            "resampler": self.resampler,
        }

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""
        padded = torch.nn.functional.pad(waveform, (0, max(SHORTEST - len(waveform), 0)))
        values = self.smile.process_signal(padded.numpy(force=True), self.sample_rate).to_numpy()  # (T, C)
        return torch.from_numpy(values.T.copy()).to(waveform.device)
