"""Mixup: clips that lie between two clips. N clips, C channels, T frames."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from feature_extractors.augmentations.augmentation import Augmentation

__all__ = ["Mixup", "Pairs"]


class Pairs(NamedTuple):
    """Who is mixed with whom: the row of each clip's partner, and lambda, the clip's own share, both (N,)."""

    partners: Tensor
    shares: Tensor


class Mixup(Augmentation):
    r"""Each clip is mixed with another of the batch, and its loss with the loss of the other's label.

    .. math::
        \tilde x_i = \lambda_i x_i + (1 - \lambda_i) x_j, \qquad
        L_i = \lambda_i\, \ell(\tilde x_i, y_i) + (1 - \lambda_i)\, \ell(\tilde x_i, y_j), \qquad
        \lambda_i \sim \mathrm{Beta}(\alpha, \alpha)

    with j a random permutation of the batch. A mix of clips of different lengths is as long as the longer one. The loss is
    the caller's: `pairs` draws j and lambda, `mix` applies them, and `forward` does both where no label is at stake.

    Reference: Zhang et al., mixup: Beyond empirical risk minimization, ICLR 2018.

    Args:
        alpha: of the beta distribution; a small one leaves most clips nearly as they were.
        probability: that a clip is mixed.

    Shape:
        x (N, C, T), lengths (N,) -> the same

    Raises:
        ValueError: for an alpha that is not positive.

    Example:
        >>> x, lengths = torch.tensor([[[1.0, 0.0]], [[3.0, 3.0]]]), torch.tensor([1, 2])
        >>> Mixup().mix(x, lengths, Pairs(torch.tensor([1, 0]), torch.tensor([0.5, 1.0])))
        (tensor([[[2.0000, 1.5000]],
                 [[3.0000, 3.0000]]]), tensor([2, 2]))
    """

    domain: ClassVar[Literal["waveforms", "features"]] = "features"

    def __init__(self, *, alpha: float = 0.2, probability: float = 1.0) -> None:
        super().__init__(probability=probability)
        if alpha <= 0:
            raise ValueError(f"alpha is {alpha}; expected a positive number")
        self.alpha = alpha

    def forward(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mix the clips of a batch whose labels do not matter."""
        return self.mix(x, lengths, self.pairs(len(x), generator)) if self.training else (x, lengths)

    def pairs(self, clips: int, generator: torch.Generator) -> Pairs:
        """Draw partners and shares, on the device of the generator; a clip that is not mixed has the share 1.

        Args:
            clips: N.
            generator: the source of randomness.
        """
        device = generator.device
        partners = torch.randperm(clips, generator=generator, device=device)
        chosen = self.chosen(clips, generator)
        seed = int(torch.randint(2**62, (), generator=generator, device=device))
        drawn = np.random.default_rng(seed).beta(self.alpha, self.alpha, clips)  # torch draws no beta from a generator
        shares = torch.from_numpy(drawn).float().to(device)
        return Pairs(partners, torch.where(chosen, shares, 1.0))

    def mix(self, x: Tensor, lengths: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Mix features, (N, C, T)."""
        partners, shares = pairs
        own = shares[:, None, None].to(x.dtype)  # (N, 1, 1)
        longer = torch.maximum(lengths, lengths[partners])
        return own * x + (1 - own) * x[partners], torch.where(shares < 1, longer, lengths)
