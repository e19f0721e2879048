"""What a clip says of who speaks, and through which channel. S samples, T frames."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from feature_extractors.frontends.egemaps import EGeMAPS
from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.mfcc import MFCC

__all__ = ["Voice"]


class Voice(Frontend):
    """One vector a clip to tell voices apart by: mean and deviation of the MFCC of its loud frames, and eGeMAPS.

    The means say vocal tract and channel, eGeMAPS adds pitch and formants. A frame is loud within `depth` decibels of
    the loudest twentieth. The mean of the first coefficient, the level of the recording, is left out. What is said and
    how it is felt is in the vector as well: `transfer.data.voices` takes it out by the speakers it knows. Needs
    opensmile: `pip install transfer-speech[functionals]`.

    Reference: long-term averages of cepstra after Furui, IEEE TASSP 1981.

    Args:
        coefficients: MFCC of each frame.
        depth: below the loud frames, dB.

    Attributes:
        channels: C = 2 * coefficients - 1 + 88.

    Shape:
        (S,) -> (C, 1)

    Raises:
        ImportError: where opensmile is not installed.

    Example:
        >>> Voice().channels
        127
    """

    sample_rate = 16000
    on_device: ClassVar[bool] = False
    bands: ClassVar[int] = 40

    def __init__(self, *, coefficients: int = 20, depth: float = 30.0) -> None:
        super().__init__()
        self.coefficients, self.depth = coefficients, depth
        self.mfcc = MFCC(order=1, coefficients=coefficients, n_fft=512, hop=160, bands=self.bands)
        self.functionals = EGeMAPS()
        self.channels = 2 * coefficients - 1 + self.functionals.channels

    def frames(self, samples: int) -> int:
        """Return T, which is one."""
        return 1

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        own = {"coefficients": self.coefficients, "depth": self.depth, "set": "eGeMAPSv02"}
        return {**self.mfcc.record(), "name": "voice", **own}

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, 1)."""
        cepstra = self.mfcc(waveform).double()  # (coefficients, T)
        level = cepstra[0] / self.bands**0.5  # mean of the bands, dB
        loud = cepstra[:, level >= level.quantile(0.95) - self.depth]
        envelope = torch.cat([loud.mean(1)[1:], loud.std(1, correction=0)]).float()
        return torch.cat([envelope, self.functionals(waveform)[:, 0]])[:, None]  # (C, 1)
