"""MFCC with Kaldi's numbers. S samples, C channels, T frames."""

from __future__ import annotations

from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from feature_extractors.frontends.frontend import Frontend

__all__ = ["KaldiMFCC"]

IMPORTING = Lock()  # two threads that import torchaudio at once may get half of it
SCALE = 32768.0  # Kaldi reads 16-bit samples as they are; full scale 1 would fall under its floor of the logarithm
SETTINGS: dict[str, Any] = {  # Kaldi's defaults without dither: written out, for they are part of the record
    "blackman_coeff": 0.42,
    "cepstral_lifter": 22.0,
    "dither": 0.0,
    "high_freq": 0.0,
    "low_freq": 20.0,
    "preemphasis_coefficient": 0.97,
    "remove_dc_offset": True,
    "round_to_power_of_two": True,
    "snip_edges": True,
    "subtract_mean": False,
    "use_energy": False,
    "window_type": "povey",
}


class KaldiMFCC(Frontend):
    """Mel-frequency cepstral coefficients with Kaldi's numbers, and deltas over five frames.

    Povey windows of 25 ms every 10 ms that lie inside the clip, pre-emphasis 0.97, 23 bands of the HTK mel scale from
    20 Hz, liftering 22; order 2 appends the deltas and order 3 the deltas of these. A clip shorter than a window is
    padded with zeros to one.

    Reference: Povey et al., The Kaldi Speech Recognition Toolkit, ASRU 2011; torchaudio.compliance.kaldi.

    Args:
        order: 1 for the MFCC, 2 with deltas, 3 with deltas of deltas.
        coefficients: MFCC of each frame, without deltas.
        bands: mel bands.
        sample_rate: in Hz.
        frame_length: length of a window, in ms.
        frame_shift: from one window to the next, in ms.

    Attributes:
        channels: C = order * coefficients.

    Shape:
        (S,) -> (C, T): 10 s give 998 frames.

    Raises:
        ValueError: for an order other than 1, 2, 3, or more coefficients than bands, less than 4 bands, or frames of no length.

    Example:
        >>> KaldiMFCC()(torch.randn(160000)).shape
        torch.Size([39, 998])
    """

    def __init__(
        self,
        *,
        order: int = 3,
        coefficients: int = 13,
        bands: int = 23,
        sample_rate: int = 16000,
        frame_length: float = 25.0,
        frame_shift: float = 10.0,
    ) -> None:
        super().__init__()
        if order not in (1, 2, 3):
            raise ValueError(f"order is {order}; expected 1 (MFCC), 2 (and deltas) or 3 (and deltas of deltas)")
        if not 1 <= coefficients <= bands:
            raise ValueError(f"coefficients is {coefficients}; expected 1 to {bands}, the number of mel bands")
        if bands < 4:
            raise ValueError(f"bands is {bands}; expected at least 4, of which Kaldi makes a filter bank")
        self.channels, self.sample_rate = order * coefficients, sample_rate
        self.order, self.coefficients, self.bands = order, coefficients, bands
        self.frame_length, self.frame_shift = frame_length, frame_shift
        # As Kaldi rounds them: down, to whole samples.
        self.window, self.hop = (int(sample_rate * ms * 0.001) for ms in (frame_length, frame_shift))
        if self.window < 2 or self.hop < 1:
            raise ValueError(
                f"frame_length {frame_length:g} ms and frame_shift {frame_shift:g} ms are {self.window} and {self.hop} samples"
                " at this rate; expected at least 2 and 1"
            )

    def frames(self, samples: int) -> int:
        """Return T, the number of windows that lie inside a clip of so many samples, at least one."""
        return 1 + max(samples - self.window, 0) // self.hop

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {
            "name": "mfcc_kaldi",
            "order": self.order,
            "coefficients": self.coefficients,
            "bands": self.bands,
            "sample_rate": self.sample_rate,
            "frame_length": self.frame_length,
            "frame_shift": self.frame_shift,
            "scale": SCALE,
            "delta_width": 5,
            **SETTINGS,
            "resampler": self.resampler,
        }

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""
        with IMPORTING:
            from torchaudio.compliance.kaldi import mfcc
            from torchaudio.functional import compute_deltas

        padded = nn.functional.pad(waveform, (0, max(self.window - len(waveform), 0)))
        static = mfcc(
            SCALE * padded[None],
            num_ceps=self.coefficients,
            num_mel_bins=self.bands,
            sample_frequency=self.sample_rate,
            frame_length=self.frame_length,
            frame_shift=self.frame_shift,
            **SETTINGS,
        )
        orders = [static.T]  # (coefficients, T)
        for _ in range(1, self.order):
            orders.append(compute_deltas(orders[-1], win_length=5))
        return torch.cat(orders)
