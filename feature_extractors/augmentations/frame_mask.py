"""Masking of single frames. N clips, C channels, T frames."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from feature_extractors.augmentations.augmentation import Augmentation
from feature_extractors.frame_masking import FrameMasking, mask_frames

__all__ = ["FrameMask"]


class FrameMask(Augmentation):
    """A random share of the frames of each clip is set to zero, every frame drawn on its own.

    Args:
        share: probability that a frame is masked.
        probability: that a clip is changed.

    Shape:
        x (N, C, T), lengths (N,) -> the same

    Raises:
        ValueError: for a share outside [0, 1).

    Example:
        >>> mask = FrameMask(share=0.5)
        >>> x, lengths = mask(torch.ones(1, 2, 1000), torch.tensor([1000]), torch.Generator().manual_seed(0))
        >>> bool(0.4 < x.mean() < 0.6)
        True
    """

    domain: ClassVar[Literal["waveforms", "features"]] = "features"

    def __init__(self, *, share: float = 0.2, probability: float = 1.0) -> None:
        super().__init__(probability=probability)
        self.share = FrameMasking(share).share

    def augment(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mask frames of every clip."""
        return mask_frames(x, self.share, generator), lengths
