"""A corpus whose features stay on the disk: a batch is read when it is drawn, so that memory grows with the batch alone.

Axis letters: N slices, n of them in a batch, C channels, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from transfer.data.batch_normaliser import BatchNormaliser
from transfer.data.domain import Batch, Domain, labels_and_pools
from transfer.data.features import FeatureStore, StoredFeatures
from transfer.data.normalisation import Normaliser

__all__ = ["StoredDomain", "build_stored_domain"]


@dataclass(frozen=True)
class StoredDomain(Domain):
    """A corpus on the disk, standardised batch by batch to the numbers that it would have in memory.

    Args:
        features: its shape alone, a tensor on torch's device `meta`, (N, C, T).
        store: features of all corpora, as the front end made them.
        positions: of the slices in the store, (N,).
        normalise: standardises a batch.
    """

    store: StoredFeatures
    positions: np.ndarray
    normalise: BatchNormaliser

    def batch(self, rows: Tensor) -> Batch:
        """Read rows, cut to the longest of them."""
        return self.standardised(rows, self.read(rows))

    def read(self, rows: Tensor) -> Tensor:
        """Read the features of rows as they are stored, zero past their lengths, (n, T, C); on a GPU's host, pinned."""
        clips = [self.store.clip(i) for i in self.positions[rows.cpu().numpy()].tolist()]
        pinned = self.device.type == "cuda"
        read = torch.zeros(len(clips), max(map(len, clips)), self.features.shape[1], pin_memory=pinned)
        for row, clip in zip(read.numpy(), clips, strict=True):
            row[: len(clip)] = clip
        return read

    def standardised(self, rows: Tensor, read: Tensor) -> Batch:
        """Put what `read` gave on the device, and standardise it."""
        rows = rows.to(self.device)
        x, lengths = read.to(self.device, non_blocking=True).transpose(1, 2).contiguous(), self.lengths[rows]
        return Batch(self.normalise(x, lengths, rows), lengths, self.labels[rows], rows)

    def content(self) -> dict[str, Tensor]:
        """Return checksums and statistics: what decides the features."""
        statistics = {name: getattr(self.normalise, name) for name in ("mean", "std", "group") if self.normalise.fitted}
        return {"checksums": torch.from_numpy(self.store.checksums[self.positions]), **statistics}


def build_stored_domain(
    name: str,
    classes: Sequence[str],
    slices: pd.DataFrame,
    store: FeatureStore,
    normaliser: Normaliser,
    device: torch.device,
) -> StoredDomain:
    """Make the slices of one corpus available from the disk.

    Args:
        name: corpus name.
        classes: class names.
        slices: its rows of the slice table, with the position of each in the store as column `position`.
        store: features of all corpora, on the disk.
        normaliser: fitted statistics.
        device: where batches go.

    Raises:
        RecipeError: for a slice whose group has no statistics.
        TypeError: for features that are in memory already.
    """
    if not isinstance(store, StoredFeatures):
        raise TypeError(f"store is {type(store).__name__}; expected StoredFeatures, of extract_features(stored=True)")
    for group in dict.fromkeys(normaliser.groups(slices)) if normaliser.moments else ():
        normaliser.statistics(group)
    positions = slices["position"].to_numpy()
    lengths = torch.from_numpy(store.lengths[positions])
    labels, pools = labels_and_pools(slices, classes)
    return StoredDomain(
        name,
        tuple(classes),
        torch.empty(len(slices), store.channels, int(lengths.max()), device="meta"),
        lengths.to(device),
        labels.to(device),
        pools,
        slices,
        store,
        positions,
        BatchNormaliser(normaliser, slices, device),
    )
