"""Training that starts from arrays instead of recordings: the same strategies and the same loop as a run.

Axis letters: N rows, C features, T frames (1 where a row is a vector).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from transfer.attaching import attach_strategy
from transfer.data.domain import HIDDEN, Domain, build_domain
from transfer.data.features import FeatureStore
from transfer.data.normalisation import Normaliser
from transfer.device import build_fabric
from transfer.keeper import Record
from transfer.loop import fit
from transfer.model import TransferModel
from transfer.prediction import predict
from transfer.recipe import Recipe

__all__ = ["ArrayCorpus", "ArrayModel", "train_on_arrays"]


@dataclass(frozen=True)
class ArrayCorpus:
    """Rows of one corpus.

    Args:
        features: (N, C, T).
        labels: class indices, `HIDDEN` where training may not use the label, (N,).
    """

    features: npt.NDArray[np.floating]
    labels: npt.NDArray[np.integer]

    def slices(self, corpus: str, part: str) -> pd.DataFrame:
        """Return the rows as a slice table, all of one part."""
        labelled, rows = self.labels != HIDDEN, np.arange(len(self.labels))
        training = part == "train"
        table: pd.DataFrame = pd.DataFrame(
            {
                "corpus": corpus,
                "part": part,
                "speaker": "",
                "recording": rows.astype(str),
                "label": np.where(labelled, self.labels, 0).astype(str),
                "labelled": labelled & training,
                "visible": training,
                "position": rows,
            }
        )
        return table

    def store(self) -> FeatureStore:
        """Return the rows as extracted features."""
        n, channels, frames = self.features.shape
        flat = self.features.transpose(0, 2, 1).reshape(n * frames, channels)
        return FeatureStore(np.ascontiguousarray(flat), np.full(n, frames, np.int64), {})


@dataclass(frozen=True)
class ArrayModel:
    """What training on arrays leaves: a model on the CPU that says of rows what it says of slices.

    Args:
        model: in float64, so that a row's probabilities do not depend on the rows beside it.
        normaliser: fitted statistics.
        classes: number of classes.
        records: of the stages.
    """

    model: TransferModel
    normaliser: Normaliser
    classes: int
    records: tuple[Record, ...]

    def probabilities(self, corpus: str, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the probabilities (N, K) of rows (N, C, T) of a corpus."""
        rows = ArrayCorpus(features, np.full(len(features), HIDDEN))
        domain = _domain(corpus, rows, "test", self.classes, self.normaliser, torch.device("cpu"))
        doubled = Domain(**{**vars(domain), "features": domain.features.double()})
        table = predict(self.model, doubled, "test", plain_ids=True)
        given = table[[f"p_{k}" for k in range(self.classes)]].to_numpy(np.float64)
        return np.asarray(given / given.sum(axis=1, keepdims=True))


def train_on_arrays(recipe: Recipe, corpora: Mapping[str, ArrayCorpus], *, classes: int) -> ArrayModel:
    """Train the strategy of a recipe on arrays, the last epoch kept.

    Args:
        recipe: its corpora are those of `corpora`; what it says of audio is not looked at.
        corpora: corpus name -> rows, sources first, the target last.
        classes: K, the same for all.

    Raises:
        UserError: for what the recipe or the labels do not give the strategy.

    Example:
        >>> recipe = Recipe(
        ...     name="a", strategy={"name": "scratch"}, target={"corpus": "b"}, extractor={"name": "functionals"},
        ...     head={"name": "linear"}, training={"epochs": 1},
        ... )
        >>> rows = ArrayCorpus(np.eye(4)[:, :, None], np.array([0, 1, 0, 1]))
        >>> train_on_arrays(recipe, {"b": rows}, classes=2).probabilities("b", rows.features).shape
        (4, 2)
    """
    tables = {name: rows.slices(name, "train") for name, rows in corpora.items()}
    stores = {name: rows.store() for name, rows in corpora.items()}
    places = [(name, i) for name, table in tables.items() for i in range(len(table))]
    normaliser = Normaliser(recipe.normalisation).fit(
        pd.concat(tables.values(), ignore_index=True), lambda row: stores[places[row][0]].clip(places[row][1])
    )
    fabric = build_fabric(recipe.compute)
    domains = {n: _domain(n, rows, "train", classes, normaliser, fabric.device) for n, rows in corpora.items()}
    strategy, _ = attach_strategy(recipe, {n: _names(classes) for n in corpora}, domains, fabric.device)
    records = []
    for stage in strategy.stages():
        strategy.begin(stage.name)
        records.append(fit(stage, strategy, strategy.setting.domains, fabric, seed=recipe.training.seed, score=None))
    model = strategy.setting.model.cpu().double()
    return ArrayModel(model, normaliser, classes, tuple(records))


def _names(classes: int) -> tuple[str, ...]:
    """Return the names that classes go by in the engine."""
    return tuple(str(k) for k in range(classes))


def _domain(
    corpus: str, rows: ArrayCorpus, part: str, classes: int, normaliser: Normaliser, device: torch.device
) -> Domain:
    """Put rows on the device."""
    return build_domain(corpus, _names(classes), rows.slices(corpus, part), rows.store(), normaliser, device)
