"""Power spectrogram with librosa's numbers. S samples, T frames, M bins or bands."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["PowerSpectrogram"]

Samples = TypeVar("Samples", int, Tensor)
CHUNK = 160  # frames that a processor transforms at once: they fit its cache, and the allocator keeps their memory


class PowerSpectrogram(nn.Module):
    """Power |STFT(x)|^2 of some bins: centred Hann frames, zeros beyond both ends of the clip.

    Reference: librosa 0.11, McFee et al., SciPy 2015, whose numbers these are.

    Args:
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.
        first: first bin.
        last: last bin; None for n_fft // 2.

    Raises:
        ValueError: for a frame or a hop of less than one sample.

    Shape:
        (..., S) -> (..., T, M) with T = 1 + S // hop, of an odd frame 1 + (S - 1) // hop, and M = last + 1 - first

    Example:
        >>> PowerSpectrogram(n_fft=800, hop=512)(torch.randn(16000)).shape
        torch.Size([32, 401])
    """

    window: Tensor

    def __init__(self, *, n_fft: int, hop: int, first: int = 0, last: int | None = None) -> None:
        super().__init__()
        if n_fft < 1 or hop < 1:
            raise ValueError(f"n_fft is {n_fft} and hop {hop}; expected at least one sample each")
        self.n_fft, self.hop = n_fft, hop
        self.first, self.bins = first, (n_fft // 2 if last is None else last) + 1 - first
        self.register_buffer("window", torch.hann_window(n_fft, dtype=torch.float32), persistent=False)

    def frames(self, samples: Samples) -> Samples:
        """Return T, the number of frames of a clip of so many samples, or of each of several clips."""
        return 1 + (samples - self.n_fft % 2) // self.hop  # an odd frame has one sample more than both its edges

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        return {"n_fft": self.n_fft, "hop": self.hop, "window": "hann", "padding": "centre, zeros"}

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the power in each bin and frame."""
        edge = waveform.new_zeros(*waveform.shape[:-1], self.n_fft // 2)
        framed = torch.cat([edge, waveform, edge], dim=-1).unfold(-1, self.n_fft, self.hop)  # (..., T, n_fft)
        if waveform.device.type != "cpu":
            return self.power(framed)
        return torch.cat([self.power(part) for part in torch.split(framed, CHUNK, dim=-2)], dim=-2)

    def power(self, framed: Tensor) -> Tensor:
        """Return the power (..., T, M) of frames (..., T, n_fft)."""
        spectrum = torch.view_as_real(torch.fft.rfft(framed * self.window))  # (..., T, n_fft // 2 + 1, 2)
        return self.collect(spectrum.square_())

    def collect(self, squares: Tensor) -> Tensor:
        """Add up the squares of real and imaginary part, (..., T, n_fft // 2 + 1, 2) -> (..., T, M)."""
        real, imaginary = squares.narrow(-2, self.first, self.bins).unbind(-1)
        return real + imaginary
