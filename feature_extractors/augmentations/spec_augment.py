"""SpecAugment: masked stretches of time and bands of channels. N clips, C channels, T frames, M masks."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from feature_extractors.augmentations.augmentation import Augmentation

__all__ = ["SpecAugment"]


class SpecAugment(Augmentation):
    """Some stretches of time and bands of channels of each clip are set to zero, its mean after normalisation.

    A mask of time is t frames wide, t ~ U{0 ... min(time_width, time_share L)}, and begins at U{0 ... L - t}, where L is
    the clip's own length; a mask of channels is f wide, f ~ U{0 ... frequency_width}, and begins at U{0 ... C - f}.
    The time warping of the paper, its smallest gain, is left out.

    Reference: Park et al., SpecAugment, Interspeech 2019.

    Args:
        time_masks: stretches of time in each clip.
        time_width: widest stretch, in frames.
        time_share: widest stretch as a share of the clip, p in the paper.
        frequency_masks: bands of channels in each clip.
        frequency_width: widest band, in channels.
        probability: that a clip is changed.

    Shape:
        x (N, C, T), lengths (N,) -> the same

    Raises:
        ValueError: for numbers or widths below zero, a share outside [0, 1], or a band as wide as all channels.

    Example:
        >>> masks = SpecAugment(time_masks=1, time_width=4, frequency_masks=0)
        >>> x, lengths = masks(torch.ones(1, 3, 50), torch.tensor([50]), torch.Generator().manual_seed(0))
        >>> int((x == 0).all(1).sum()) <= 4
        True
    """

    domain: ClassVar[Literal["waveforms", "features"]] = "features"

    def __init__(
        self,
        *,
        time_masks: int = 2,
        time_width: int = 20,
        time_share: float = 0.2,
        frequency_masks: int = 2,
        frequency_width: int = 6,
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability=probability)
        sizes = (time_masks, time_width, frequency_masks, frequency_width)
        if min(sizes) < 0 or not 0 <= time_share <= 1:
            raise ValueError(
                f"masks and widths are {sizes}, time_share {time_share}; expected >= 0, and a share in [0, 1]"
            )
        self.time_masks, self.time_width, self.time_share = time_masks, time_width, time_share
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width

    def augment(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mask every clip."""
        _, channels, frames = x.shape
        if self.frequency_masks and self.frequency_width >= channels:
            raise ValueError(
                f"frequency_width is {self.frequency_width}, which can mask all {channels} channels of the features; "
                "make it smaller, or set frequency_masks to 0"
            )
        widest = (lengths * self.time_share).floor().clamp(max=self.time_width)  # (N,)
        time = _masks(self.time_masks, widest, lengths, frames, generator)  # (N, T)
        whole = torch.full_like(lengths, channels)
        band = torch.full_like(lengths, self.frequency_width)
        frequency = _masks(self.frequency_masks, band, whole, channels, generator)  # (N, C)
        return x.masked_fill(time[:, None] | frequency[:, :, None], 0), lengths


def _masks(masks: int, widest: Tensor, lengths: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Draw where an axis is masked, (N, size).

    Args:
        masks: M, of each clip.
        widest: largest width, (N,).
        lengths: of the axis in each clip, (N,).
        size: of the axis.
        generator: the source of randomness.
    """
    drawn = torch.rand(2, len(lengths), masks, generator=generator, device=lengths.device)
    widths = (drawn[0] * (widest[:, None] + 1)).floor()  # (N, M)
    starts = (drawn[1] * (lengths[:, None] - widths + 1)).floor()  # (N, M)
    place = torch.arange(size, device=lengths.device)[:, None]  # (size, 1)
    inside = (place >= starts[:, None]) & (place < (starts + widths)[:, None])  # (N, size, M)
    return inside.any(-1)
