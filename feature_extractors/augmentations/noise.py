"""Additive noise at a drawn signal-to-noise ratio. N clips, S samples."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from feature_extractors.augmentations.augmentation import Augmentation
from feature_extractors.frames import valid_frames, zero_padding

__all__ = ["Noise"]

LEAST = 1e-20  # energy of noise

Color = Literal["white", "pink"]


class Noise(Augmentation):
    r"""White or pink noise is added to each waveform.

    .. math::
        y = x + n \sqrt{\frac{P_x}{P_n 10^{r / 10}}}, \qquad r \sim U[\mathrm{snr}]

    where both powers P are measured over the clip's real samples, so that the ratio is exactly r dB. Pink noise has a power
    density of 1/f, closer to the rumble of rooms. A silent clip stays silent.

    Reference: Timmer and Koenig, On generating power law noise, Astronomy and Astrophysics 1995 (pink).

    Args:
        snr: lowest and highest signal-to-noise ratio, in dB.
        color: `white` or `pink`.
        probability: that a clip is changed.

    Shape:
        x (N, 1, S), lengths (N,) -> the same

    Raises:
        ValueError: for an empty range or an unknown color.

    Example:
        >>> clean = torch.sin(torch.arange(16000) * 0.1)[None, None]
        >>> noisy, _ = Noise(snr=(20, 20))(clean, torch.tensor([16000]), torch.Generator().manual_seed(0))
        >>> round(10 * torch.log10(clean.square().mean() / (noisy - clean).square().mean()).item(), 2)
        20.0
    """

    domain: ClassVar[Literal["waveforms", "features"]] = "waveforms"

    def __init__(
        self, *, snr: tuple[float, float] = (5.0, 30.0), color: Color = "white", probability: float = 1.0
    ) -> None:
        super().__init__(probability=probability)
        if snr[0] > snr[1]:
            raise ValueError(f"snr is {list(snr)}; expected the lowest ratio first, in dB, such as [5, 30]")
        if color not in get_args(Color):
            raise ValueError(f"unknown color {color!r}; choose one of {', '.join(get_args(Color))}")
        self.snr, self.color = snr, color

    def augment(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Add noise to every clip."""
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        if self.color == "pink":
            noise = _pink(noise)
        noise = zero_padding(noise, valid_frames(lengths, clips=len(x), frames=x.shape[-1]))
        low, high = self.snr
        ratio = low + (high - low) * torch.rand(len(x), 1, 1, generator=generator, device=x.device)  # dB
        # Both sums run over the same samples: the ratio of powers is that of energies.
        wide = torch.promote_types(x.dtype, torch.float32)  # 16 bits would overflow
        energy, of_noise = (wave.square().sum(-1, keepdim=True, dtype=wide) for wave in (x, noise))  # (N, 1, 1)
        of_noise = of_noise.clamp(min=LEAST)  # pink noise of a single sample is none
        return x + noise * (energy / (of_noise * 10 ** (ratio / 10))).sqrt(), lengths


def _pink(white: Tensor) -> Tensor:
    """Give white noise (..., S) a power density of 1/f, and no constant part."""
    spectrum = torch.fft.rfft(white)
    f = torch.arange(spectrum.shape[-1], device=white.device).clamp(min=1)
    spectrum = spectrum * f.rsqrt()
    spectrum[..., 0] = 0
    pink: Tensor = torch.fft.irfft(spectrum, n=white.shape[-1])
    return pink
