"""The fitted standardisation, applied to batches on the device.

Axis letters: N slices, n of them in a batch, C channels, T frames, G groups.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from feature_extractors.frames import valid_frames, zero_padding
from transfer.data.normalisation import EPSILON, Normaliser
from transfer.data.warping import Ranks, warp

__all__ = ["BatchNormaliser"]


class BatchNormaliser:
    """Standardises batches by statistics that were fitted before, to the numbers that `Normaliser.apply` gives.

    Args:
        normaliser: fitted.
        slices: slice table of the corpus, N rows with the columns corpus and speaker.
        device: where batches are.

    Example:
        >>> slices = pd.DataFrame({"corpus": ["a"], "speaker": ["s"]})
        >>> normalise = BatchNormaliser(Normaliser("clip"), slices, torch.device("cpu"))
        >>> normalise(torch.tensor([[[0.0, 2.0, 9.0]]]), torch.tensor([2]), torch.tensor([0])).round(decimals=3)
        tensor([[[-1.,  1.,  0.]]])
    """

    def __init__(self, normaliser: Normaliser, slices: pd.DataFrame, device: torch.device) -> None:
        self.kind, self.fitted = normaliser.kind, bool(normaliser.moments)
        self.knots: list[Tensor] = []  # of each group, (C, K), where features are warped
        if self.fitted:
            names = list(normaliser.moments)
            place = {name: i for i, name in enumerate(names)}
            # A slice that training never hears may have no group.
            groups = [place.get(name, -1) for name in normaliser.groups(slices)]
            self.group = torch.tensor(groups, device=device)  # (N,)
            if normaliser.warping:
                ranks = [found for found in normaliser.moments.values() if isinstance(found, Ranks)]
                self.knots = [torch.from_numpy(each.knots).to(device) for each in ranks]
                return
            found = [np.stack([getattr(normaliser.moments[name], part) for name in names]) for part in ("mean", "std")]
            self.mean, self.std = (torch.from_numpy(part).to(device, torch.float64) for part in found)  # (G, C)

    def __call__(self, x: Tensor, lengths: Tensor, rows: Tensor) -> Tensor:
        """Standardise features.

        Args:
            x: features, zero past their lengths. Shape: (n, C, T).
            lengths: of each clip. Shape: (n,).
            rows: of each clip in the slice table. Shape: (n,).
        """
        if self.kind == "none":
            return x
        x = x.double()  # as the cached path computes: a channel far from zero keeps its digits
        valid = valid_frames(lengths, clips=len(x), frames=x.shape[-1])
        if self.kind == "clip":
            frames = lengths[:, None, None]  # (n, 1, 1)
            mean = zero_padding(x, valid).sum(-1, keepdim=True) / frames  # (n, C, 1)
            std = (zero_padding(x - mean, valid).square().sum(-1, keepdim=True) / frames).sqrt()
        elif self.knots:
            groups = self.group[rows].tolist()
            return zero_padding(torch.stack([warp(x[i], self.knots[g]) for i, g in enumerate(groups)]), valid).float()
        else:
            group = self.group[rows]
            mean, std = self.mean[group][..., None], self.std[group][..., None]  # (n, C, 1)
        return zero_padding((x - mean) / (std + EPSILON), valid).float()
