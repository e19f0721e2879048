"""Speed perturbation of waveforms. N clips, S samples."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar, Literal

import torch
from torch import Tensor

from feature_extractors.augmentations.augmentation import Augmentation
from feature_extractors.frames import valid_frames, zero_padding

__all__ = ["Speed"]

FINEST = 100  # largest denominator of a factor: the resampler wants a ratio of small whole numbers


class Speed(Augmentation):
    """Each waveform is played faster or slower: x(t) -> x(a t), which moves pitch and tempo alike.

    The factor a is drawn from a list; the clip is resampled by it, and has ceil(S / a) samples then.

    Reference: Ko et al., Audio augmentation for speech recognition, Interspeech 2015.

    Args:
        factors: a, each as likely; above 1 is faster, higher and shorter. They are rounded to fractions of whole numbers
            with a denominator up to 100.
        probability: that a clip is changed.

    Shape:
        x (N, 1, S), lengths (N,) -> (N, 1, S') with S' the longest clip's samples, and lengths (N,)

    Raises:
        ValueError: for no factor, or one outside [0.1, 10].

    Example:
        >>> x, lengths = Speed(factors=[1.1])(torch.randn(1, 1, 1100), torch.tensor([1100]), torch.Generator())
        >>> lengths
        tensor([1000])
    """

    domain: ClassVar[Literal["waveforms", "features"]] = "waveforms"

    def __init__(self, *, factors: Sequence[float] = (0.9, 1.0, 1.1), probability: float = 1.0) -> None:
        super().__init__(probability=probability)
        if not factors or not all(0.1 <= factor <= 10 for factor in factors):
            raise ValueError(
                f"factors are {list(factors)}; expected at least one, each in [0.1, 10], such as [0.9, 1.1]"
            )
        self.ratios = [Fraction(factor).limit_denominator(FINEST) for factor in factors]

    def augment(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Resample every clip by a factor drawn for it."""
        from torchaudio.functional import resample

        drawn = torch.randint(len(self.ratios), (len(x),), generator=generator, device=x.device)
        up = torch.tensor([ratio.denominator for ratio in self.ratios], device=x.device)[drawn]
        down = torch.tensor([ratio.numerator for ratio in self.ratios], device=x.device)[drawn]
        counts = (lengths * up + down - 1).div(down, rounding_mode="floor")  # ceil
        changed = x.new_zeros(*x.shape[:-1], int(counts.max()))
        for index, ratio in enumerate(self.ratios):
            rows = (drawn == index).nonzero().flatten()
            if len(rows):
                clips = resample(x[rows], ratio.numerator, ratio.denominator)[..., : changed.shape[-1]]
                changed[rows, :, : clips.shape[-1]] = clips
        return zero_padding(changed, valid_frames(counts, clips=len(x), frames=changed.shape[-1])), counts
