"""Mel spectrogram in decibels with librosa's numbers. N clips, S samples, T frames, M mel bands."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["MelSpectrogram", "mel_filters", "power_to_db"]

AMIN = 1e-10  # power below which decibels do not fall
BLOCK = 16  # bands that are computed together
TOP_DB = 80.0  # decibels below the loudest value of the clip


def _hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    return torch.where(hz < 1000.0, hz * 3 / 200, 15.0 + 27.0 * torch.log(hz.clamp(min=1.0) / 1000.0) / math.log(6.4))


def _mel_to_hz(mel: Tensor) -> Tensor:
    """Return the frequency of a mel value; the inverse of `_hz_to_mel`."""
    return torch.where(mel < 15.0, mel * 200 / 3, 1000.0 * torch.exp(math.log(6.4) / 27.0 * (mel - 15.0)))


def mel_filters(*, sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """Triangular filters on the mel scale of Slaney, each of unit area, from 0 Hz to half the sample rate.

    Reference: Slaney, Auditory Toolbox, 1998; the numbers are those of librosa 0.11 (McFee et al., SciPy 2015).

    Args:
        sample_rate: in Hz.
        n_fft: length of the Fourier transform, in samples.
        bands: M.

    Shape:
        (M, n_fft // 2 + 1), float64

    Example:
        >>> mel_filters(sample_rate=16000, n_fft=800, bands=128).shape
        torch.Size([128, 401])
    """
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    top = _hz_to_mel(torch.tensor(sample_rate / 2, dtype=torch.float64)).item()
    edges = _mel_to_hz(torch.linspace(0.0, top, bands + 2, dtype=torch.float64))  # (M + 2,)
    widths = edges.diff()[:, None]  # (M + 1, 1)
    slopes = edges[:, None] - bins  # (M + 2, bins)
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def power_to_db(power: Tensor, valid: Tensor | None = None) -> Tensor:
    """Turn power into decibels, with a floor 80 dB under the loudest value of each clip.

    y = max(10 log10 max(p, 1e-10), max(y) - 80). The floor is taken clip by clip: taken over a batch, as librosa and
    torchaudio do, a loud clip would move the features of its neighbours.

    Args:
        power: spectrogram. Shape: (..., T, M).
        valid: mask of real frames, or None where nothing is padded. Shape: (..., T).

    Shape:
        (..., T, M)

    Example:
        >>> power_to_db(torch.tensor([[1.0, 1e-9]]))
        tensor([[  0., -80.]])
    """
    db = power.clamp(min=AMIN).log10_().mul_(10.0)
    real = db if valid is None else db.masked_fill(~valid[..., None], -torch.inf)
    return torch.maximum(db, real.amax((-2, -1), keepdim=True) - TOP_DB)


class MelSpectrogram(nn.Module):
    """Power spectrogram in mel bands: centred Hann frames, zeros beyond both ends of the clip.

    Reference: librosa 0.11, McFee et al., SciPy 2015, whose numbers these are.

    Args:
        sample_rate: in Hz.
        n_fft: length of a frame, in samples.
        hop: from one frame to the next, in samples.
        bands: M.

    Shape:
        (..., S) -> (..., 1 + S // hop, M)

    Example:
        >>> MelSpectrogram(sample_rate=16000, n_fft=800, hop=512, bands=128)(torch.randn(16000)).shape
        torch.Size([32, 128])
    """

    window: Tensor

    def __init__(self, *, sample_rate: int, n_fft: int, hop: int, bands: int) -> None:
        super().__init__()
        self.n_fft, self.hop, self.bands = n_fft, hop, bands
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        filters = mel_filters(sample_rate=sample_rate, n_fft=n_fft, bands=bands)
        self.blocks: list[tuple[str, int, int]] = []  # name of the filters, first bin, number of bins
        for index, block in enumerate(torch.split(filters, BLOCK)):
            covered = block.any(0).nonzero().flatten().tolist()
            low, bins = (covered[0], covered[-1] + 1 - covered[0]) if covered else (0, 1)
            self.blocks.append((f"filters_{index}", low, bins))
            triangles = block.narrow(1, low, bins).T.float().contiguous()  # (bins, bands)
            self.register_buffer(f"filters_{index}", triangles, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the power in each band and frame."""
        half = self.n_fft // 2
        framed = nn.functional.pad(waveform, (half, half)).unfold(-1, self.n_fft, self.hop)  # (..., T, n_fft)
        spectrum = torch.view_as_real(torch.fft.rfft(framed * self.window))  # (..., T, bins, 2)
        real, imaginary = spectrum.square_().unbind(-1)  # in place: fresh memory would cost more than the arithmetic
        power = real + imaginary  # (..., T, bins)
        # Most of the filter matrix is zero: a block of bands reads its own bins only.
        blocks = [power.narrow(-1, low, bins) @ getattr(self, name) for name, low, bins in self.blocks]
        return torch.cat(blocks, dim=-1)  # (..., T, M)
