"""A corpus as tensors: what strategies may see of it, and nothing more.

Axis letters: N slices, C channels, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from transfer.data.features import FeatureStore
from transfer.data.normalisation import Normaliser

__all__ = ["HIDDEN", "Batch", "Domain", "build_domain", "empty_domain", "labels_and_pools"]

HIDDEN = -1  # the label of a slice whose label the recipe withholds
BLIND = ("corpus", "part", "speaker", "sex", "language", "session", "seconds", "labelled", "visible")
"""Columns that say no label: paths, recordings and prompts often name it, and scale scores decide it."""


class Batch(NamedTuple):
    """Slices drawn for one step: features (n, C, t) cut to the longest, lengths, labels, and their rows in the domain (n,).

    Where slices were mixed, also the labels of their partners and their own shares of the mix (n,).
    """

    features: Tensor
    lengths: Tensor
    labels: Tensor
    rows: Tensor
    partners: Tensor | None = None
    shares: Tensor | None = None


@dataclass(frozen=True)
class Domain:
    """A corpus on the device.

    Args:
        name: corpus name.
        classes: class names in the order of the logits.
        features: (N, C, T), zero after each slice's length.
        lengths: valid frames, (N,).
        labels: class indices, `HIDDEN` where the recipe withholds them, (N,).
        pools: rows by use: `labelled` and `any` (training may use the audio), `valid`, `test`.
        table: the slice table of these rows, for evaluation; strategies are handed it without labels.
    """

    name: str
    classes: tuple[str, ...]
    features: Tensor
    lengths: Tensor
    labels: Tensor
    pools: dict[str, Tensor]
    table: pd.DataFrame

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.lengths.device

    def without_truth(self) -> Domain:
        """Return what a strategy is handed: of the table, what says no label; `labels` keeps those that may be used."""
        return replace(self, table=self.table[[name for name in self.table if name in BLIND]])

    def batch(self, rows: Tensor) -> Batch:
        """Gather rows, cut to the longest of them."""
        longest = int(self._frames[rows.cpu()].max())  # known on the host: a GPU need not be waited for
        rows = rows.to(self.device)
        return Batch(self.features[rows, :, :longest], self.lengths[rows], self.labels[rows], rows)

    @cached_property
    def _frames(self) -> Tensor:
        """The lengths on the host."""
        return self.lengths.cpu()

    def content(self) -> dict[str, Tensor]:
        """Return what decides the features, to tell one corpus from another."""
        return {"features": self.features}

    def class_weights(self) -> Tensor:
        """Return weights that make every class of the labelled pool count the same, (K,).

        w_k = n / (K n_k); a class without slices gets the weight of a class with one.
        """
        counts = torch.bincount(self.labels[self.pools["labelled"]], minlength=len(self.classes)).float()
        return counts.sum() / (counts.clamp(min=1) * len(self.classes))


def build_domain(
    name: str,
    classes: Sequence[str],
    slices: pd.DataFrame,
    store: FeatureStore,
    normaliser: Normaliser,
    device: torch.device,
) -> Domain:
    """Put the slices of one corpus on the device.

    Args:
        name: corpus name.
        classes: class names.
        slices: its rows of the slice table, with the position of each in the store as column `position`.
        store: features of all corpora.
        normaliser: fitted statistics.
        device: where to.
    """
    clips = [
        normaliser.apply(name, who, store.clip(i))
        for i, who in zip(slices["position"], slices[normaliser.who], strict=True)
    ]
    lengths = torch.tensor([len(c) for c in clips], dtype=torch.int64)
    features = np.zeros((len(clips), clips[0].shape[1], int(lengths.max())), np.float32)
    for row, clip in zip(features, clips, strict=True):
        row[:, : len(clip)] = clip.T
    labels, pools = labels_and_pools(slices, classes)
    return Domain(
        name,
        tuple(classes),
        torch.from_numpy(features).to(device),
        lengths.to(device),
        labels.to(device),
        pools,
        slices,
    )


def labels_and_pools(slices: pd.DataFrame, classes: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return class indices, `HIDDEN` where the recipe withholds them, and the rows of each pool.

    Args:
        slices: slice table with columns label, part, labelled and visible.
        classes: class names.
    """
    index = {c: i for i, c in enumerate(classes)}
    labels = torch.tensor([index[c] for c in slices["label"]], dtype=torch.int64)
    labels[torch.from_numpy(~slices["labelled"].to_numpy(bool))] = HIDDEN
    masks = {
        "labelled": slices["labelled"],
        "any": slices["visible"],
        "valid": slices["part"] == "valid",
        "test": slices["part"] == "test",
    }
    pools = {pool: torch.from_numpy(np.flatnonzero(mask.to_numpy(bool))) for pool, mask in masks.items()}
    return labels, pools


def empty_domain(name: str, classes: Sequence[str], slices: pd.DataFrame, channels: int) -> Domain:
    """Return a corpus of two slices of silence, none, one or both labelled as in the real one, to try a strategy on.

    Args:
        name: corpus name.
        classes: class names.
        slices: slice table of all corpora.
        channels: C of the front end.
    """
    own = slices[slices["corpus"] == name]
    rows = torch.arange(2)
    labelled = rows[: int(own["labelled"].any()) + int(own.loc[own["visible"], "labelled"].all())]
    pools = {"labelled": labelled, "any": rows, "valid": rows, "test": rows}
    labels = torch.where(rows < len(labelled), 0, HIDDEN)
    table = own.iloc[:2].reset_index(drop=True)
    return Domain(name, tuple(classes), torch.zeros(2, channels, 8), torch.full((2,), 8), labels, pools, table)
