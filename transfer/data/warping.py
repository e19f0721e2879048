"""Feature warping: what a value is among a group's own values, as a normal deviate.

Axis letters: C channels, T frames, K knots.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from transfer.errors import RecipeError

__all__ = ["MOST_KNOTS", "Ranks", "warp"]

MOST_KNOTS = 256


@dataclass
class Ranks:
    """The distribution of each channel over frames, as ordered values.

    Args:
        knots: of each channel, ascending: all values, or their quantiles where there are more than `MOST_KNOTS`. Shape: (C, K).
    """

    knots: np.ndarray

    @classmethod
    def of(cls, clips: Collection[np.ndarray]) -> Ranks:
        """Take the values of clips of shape (T, C).

        Raises:
            RecipeError: where there is no clip.

        Example:
            >>> Ranks.of([np.array([[3.0]]), np.array([[1.0]])]).knots
            array([[1., 3.]])
        """
        if not len(clips):
            raise RecipeError("normalisation: there is no clip to take ranks from; expected at least one")
        values = np.sort(np.concatenate(list(clips)).T.astype(np.float64), axis=1)  # (C, frames)
        frames = values.shape[1]
        if frames > MOST_KNOTS:
            at = (np.arange(MOST_KNOTS) + 0.5) / MOST_KNOTS * frames - 0.5
            low = np.floor(at).astype(int)
            share = at - low
            values = values[:, low] * (1 - share) + values[:, np.minimum(low + 1, frames - 1)] * share
        return cls(np.ascontiguousarray(values))

    def apply(self, clip: np.ndarray) -> np.ndarray:
        """Return a clip (T, C), warped, as float32."""
        warped = warp(torch.from_numpy(np.ascontiguousarray(clip.T, dtype=np.float64)), torch.from_numpy(self.knots))
        return np.ascontiguousarray(warped.numpy().T, dtype=np.float32)


def warp(x: Tensor, knots: Tensor) -> Tensor:
    """Turn values into the normal deviates of their ranks among the knots of their channel.

    y = Phi^-1(u), where u is (i - 1/2) / K at the i-th of K knots, the mean of these at knots of one value, a straight line
    in between, and that of the nearest knot outside. A monotone change of a channel changes nothing; a channel that never
    changes is zero.

    Reference: Pelecanos and Sridharan, Feature Warping for Robust Speaker Verification, Odyssey 2001; ranks with ties as in
    Conover, Practical Nonparametric Statistics, 1999.

    Args:
        x: float64 values. Shape: (C, T).
        knots: float64, ascending. Shape: (C, K).

    Shape:
        (C, T)

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 3.0, 100.0]], dtype=torch.float64)
        >>> warp(x, x[:, :3]).round(decimals=2).tolist()
        [[-0.97, 0.0, 0.97, 0.97]]
    """
    count = knots.shape[1]
    x = x.contiguous()
    low, high = torch.searchsorted(knots, x), torch.searchsorted(knots, x, right=True)  # knots below; up to
    before, after = (knots.gather(1, at.clamp(0, count - 1)) for at in (low - 1, low))
    gap = after - before
    share = torch.where(gap > 0, (x - before) / torch.where(gap > 0, gap, 1.0), 0.5)
    place = torch.where(high > low, (low + high) / 2, low - 0.5 + share)  # in knots
    deviates: Tensor = torch.special.ndtri(place.clamp(0.5, count - 0.5) / count)
    return deviates
