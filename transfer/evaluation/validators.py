"""Criteria that choose a checkpoint without target labels, by name, and what they are handed.

A criterion sees features and logits of unlabelled target slices and, where it asks for them, of labelled source slices:
`Evidence` has no place for a target label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor

from transfer.evaluation.source_validators import (
    deep_embedded,
    discrepancy,
    domain_neighbours,
    neighbourhood_mixing,
    source_neighbours,
    source_neighbours_l2,
    target_neighbours,
)
from transfer.evaluation.target_validators import (
    class_clusters,
    class_confusion,
    confidence,
    effective_rank,
    mutual_information,
    nuclear_norm,
    prediction_diversity,
    soft_neighbourhood_density,
)

__all__ = ["CRITERIA", "Criterion", "Evidence", "Labelled", "Unlabelled"]


class Unlabelled(NamedTuple):
    """Outputs on slices without labels: features (n, d) that enter the last linear layer, logits (n, K)."""

    features: Tensor
    logits: Tensor


class Labelled(NamedTuple):
    """Outputs on slices with labels: features (n, d), logits (n, K), labels (n,)."""

    features: Tensor
    logits: Tensor
    labels: Tensor


NOTHING = Labelled(torch.zeros(0, 1), torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))


class Evidence(NamedTuple):
    """What criteria are handed; the source's parts are empty where no criterion asked for them."""

    target: Unlabelled
    source_train: Labelled = NOTHING
    source_valid: Labelled = NOTHING


@dataclass(frozen=True)
class Criterion:
    """A score, and the parts of the evidence that are its arguments, in their order.

    Args:
        function: tensors -> score, higher is better.
        inputs: dotted names in `Evidence`.

    Example:
        >>> sorted(CRITERIA["dev"].needs), CRITERIA["dev"].same_classes, CRITERIA["mmd"].same_classes
        (['source_train', 'source_valid', 'target'], True, False)
    """

    function: Callable[..., float]
    inputs: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """The parts of the evidence that it looks at."""
        return frozenset(name.partition(".")[0] for name in self.inputs)

    @property
    def same_classes(self) -> bool:
        """Whether it makes sense only where source and target have the same classes: it uses the source's decisions."""
        return any(name.startswith("source") and not name.endswith("features") for name in self.inputs)

    def score(self, evidence: Evidence) -> float:
        """Return the score."""
        return self.function(*(attrgetter(name)(evidence) for name in self.inputs))


_FEATURES = ("source_train.features", "target.features")
_NEAREST = ("source_valid.logits", "source_valid.labels", "target.logits")

CRITERIA: dict[str, Criterion] = {
    "bnm": Criterion(nuclear_norm, ("target.logits",)),
    "class_cluster": Criterion(class_clusters, ("target.features", "target.logits")),
    "dev": Criterion(
        deep_embedded,
        (
            "source_train.features",
            "source_valid.features",
            "target.features",
            "source_valid.logits",
            "source_valid.labels",
        ),
    ),
    "diversity": Criterion(prediction_diversity, ("target.logits",)),
    "domain_knn": Criterion(domain_neighbours, _FEATURES),
    "entropy": Criterion(confidence, ("target.logits",)),
    "im": Criterion(mutual_information, ("target.logits",)),
    "ist": Criterion(neighbourhood_mixing, _FEATURES),
    "mcc": Criterion(class_confusion, ("target.logits",)),
    "mmd": Criterion(discrepancy, _FEATURES),
    "nearest_source": Criterion(source_neighbours, _NEAREST),
    "nearest_source_l2": Criterion(source_neighbours_l2, _NEAREST),
    "rankme": Criterion(effective_rank, ("target.features",)),
    "snd": Criterion(soft_neighbourhood_density, ("target.logits",)),
    "target_knn": Criterion(
        target_neighbours, ("source_train.features", "source_train.labels", "target.features", "target.logits")
    ),
}
