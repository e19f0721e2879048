"""eGeMAPS with the shape of pitch and harmonics over the clip. S samples, T frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from feature_extractors.frontends.contour import FUNCTIONALS, contour_functionals
from feature_extractors.frontends.egemaps import EGeMAPS
from feature_extractors.frontends.frontend import Frontend

__all__ = ["DESCRIPTORS", "Prosody"]

DESCRIPTORS = (  # of eGeMAPSv02, without openSMILE's endings for smoothing
    "Loudness", "alphaRatio", "hammarbergIndex", "slope0-500", "slope500-1500", "spectralFlux",
    "mfcc1", "mfcc2", "mfcc3", "mfcc4", "F0semitoneFrom27.5Hz", "jitterLocal", "shimmerLocaldB", "HNRdBACF",
    "logRelF0-H1-H2", "logRelF0-H1-A3", "F1frequency", "F1bandwidth", "F1amplitudeLogRelF0", "F2frequency",
    "F2bandwidth", "F2amplitudeLogRelF0", "F3frequency", "F3bandwidth", "F3amplitudeLogRelF0",
)  # fmt: skip
PITCH = DESCRIPTORS.index("F0semitoneFrom27.5Hz")
CONTOURS = ("F0semitoneFrom27.5Hz", "F1amplitudeLogRelF0", "F2amplitudeLogRelF0", "F3amplitudeLogRelF0")
FEW = 8  # voiced frames; fewer say nothing of a contour


class Prosody(Frontend):
    """The 88 functionals of eGeMAPSv02, and 21 functionals of each of some contours over the voiced frames.

    eGeMAPS says of pitch where it lies and how far it moves; the contours say how it goes over the clip, and how the
    harmonics at the formants stand above the fundamental. Pitch and voice quality carry emotion from language to
    language where spectral envelopes do not. A clip with fewer than eight voiced frames is described by all its frames.
    Needs opensmile: `pip install transfer-speech[functionals]`.

    Reference: Eyben et al., IEEE TAC 2016; functionals: `contour_functionals`.

    Args:
        contours: names of low-level descriptors of eGeMAPS (`DESCRIPTORS`).

    Attributes:
        channels: C = 88 + 21 * the number of contours.

    Shape:
        (S,) -> (C, 1)

    Raises:
        ValueError: for an unknown descriptor.
        ImportError: where opensmile is not installed.

    Example:
        >>> Prosody().channels
        172
    """

    sample_rate = 16000
    on_device: ClassVar[bool] = False

    def __init__(self, *, contours: Sequence[str] = CONTOURS) -> None:
        super().__init__()
        for name in contours:
            if name not in DESCRIPTORS:
                raise ValueError(f"unknown descriptor {name!r}; choose among {', '.join(DESCRIPTORS)}")
        self.contours = tuple(contours)
        self.functionals, self.descriptors = EGeMAPS(), EGeMAPS(level="lld")
        self.channels = self.functionals.channels + len(FUNCTIONALS) * len(self.contours)

    def frames(self, samples: int) -> int:
        """Return T, which is one."""
        return 1

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {
            "name": "prosody",
            "set": "eGeMAPSv02",
            "contours": list(self.contours),
            "functionals": list(FUNCTIONALS),
            "sample_rate": self.sample_rate,
            "resampler": self.resampler,
        }

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, 1)."""
        whole, frames = self.functionals(waveform), self.descriptors(waveform)  # (88, 1), (25, T)
        voiced = frames[PITCH] > 0
        if voiced.sum() < FEW:
            voiced = torch.ones_like(voiced)
        both = voiced[1:] & voiced[:-1]
        found = [
            contour_functionals(x[voiced], x.diff()[both])
            for x in (frames[DESCRIPTORS.index(name)] for name in self.contours)
        ]
        return torch.cat([whole[:, 0], *found])[:, None]  # (C, 1)
