"""The control that hears nothing: every slice gets the class shares of the labels that training was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from transfer.evaluation.predictions import class_names

__all__ = ["majority_predictions"]


def majority_predictions(
    table: pd.DataFrame, labels_seen: Mapping[str, Mapping[str, int]], target: str
) -> pd.DataFrame:
    """Return a prediction table in which every slice has the same probabilities, and so the most frequent class.

    The shares are those of the target's labels where training was given any, else those of all sources, of the classes
    that the target has; where neither says anything, all classes are equal, and the first is decided.

    Args:
        table: a prediction table, of which truths and probabilities are not looked at.
        labels_seen: corpus -> class -> slices that training was given.
        target: the target corpus.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "recording": "r", "subject": "s", "truth": "a"}
        >>> table = pd.DataFrame([{**row, "p_a": 0.9, "p_b": 0.1}])
        >>> majority_predictions(table, {"c": {"a": 1, "b": 3}}, "c")[["p_a", "p_b"]].iloc[0].to_list()
        [0.25, 0.75]
    """
    classes = class_names(table)
    given: list[Mapping[str, Any]] = [labels_seen[target]] if labels_seen.get(target) else list(labels_seen.values())
    counts = np.array([sum(seen.get(name, 0) for seen in given) for name in classes], dtype=np.float64)
    shares = counts / counts.sum() if counts.sum() else np.full(len(classes), 1 / len(classes))
    constant: pd.DataFrame = table.assign(**{f"p_{name}": share for name, share in zip(classes, shares, strict=True)})
    return constant
