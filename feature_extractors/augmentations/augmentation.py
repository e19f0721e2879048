"""What every augmentation offers. N clips, C channels, T frames or samples."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Augmentation"]


class Augmentation(nn.Module):
    """An augmentation changes each clip of a training batch with a probability; in eval mode it changes nothing.

    A subclass says its domain and writes `augment`, which changes every clip it is given.

    Args:
        probability: that a clip is changed.

    Attributes:
        domain: `waveforms`, x is (N, 1, S), or `features`, x is (N, C, T).

    Shape:
        x (N, C, T), zero past each clip's length, and lengths (N,) -> the same, T that of the longest clip where lengths changed

    Raises:
        ValueError: for a probability outside [0, 1].

    Example:
        >>> class Louder(Augmentation):
        ...     domain = "waveforms"
        ...
        ...     def augment(self, x, lengths, generator):
        ...         return 2 * x, lengths
        >>> Louder()(torch.ones(1, 1, 3), torch.tensor([3]), torch.Generator())
        (tensor([[[2., 2., 2.]]]), tensor([3]))
    """

    domain: ClassVar[Literal["waveforms", "features"]]

    def __init__(self, *, probability: float = 1.0) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability}; expected a number in [0, 1]")
        self.probability = probability

    def forward(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Change some of the clips.

        Args:
            x: clips, zero past their lengths.
            lengths: of each clip.
            generator: the source of randomness, on the device of x.
        """
        if not self.training:
            return x, lengths
        rows = self.chosen(len(x), generator).nonzero().flatten()
        if not len(rows):
            return x, lengths
        changed, counts = self.augment(x[rows], lengths[rows], generator)
        counts = lengths.index_copy(0, rows, counts.to(lengths.dtype))
        width = x.shape[-1] if torch.equal(counts, lengths) else int(counts.max())
        x, changed = (F.pad(clips, (0, width - clips.shape[-1])) for clips in (x, changed))  # or cut
        return x.index_copy(0, rows, changed.to(x.dtype)), counts

    def chosen(self, clips: int, generator: torch.Generator) -> Tensor:
        """Draw which clips are changed, (N,)."""
        return torch.rand(clips, generator=generator, device=generator.device) < self.probability

    def augment(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Change every clip."""
        raise NotImplementedError
