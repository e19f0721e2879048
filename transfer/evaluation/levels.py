"""The scores of one part at three levels: slices, recordings, subjects, each with intervals over subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from transfer.errors import UserError
from transfer.evaluation.aggregation import Level, Rule, decided_units
from transfer.evaluation.bootstrap import bootstrap_interval
from transfer.evaluation.metrics import (
    COUNT_METRICS,
    auc,
    brier,
    confusion,
    f1_scores,
    positive_class,
    precisions,
    recalls,
)
from transfer.evaluation.predictions import class_names, validate_predictions

__all__ = ["LEVELS", "ONE_DECISION", "PER_SUBJECT_MEAN", "evaluate"]

LEVELS: tuple[Level, ...] = ("slice", "recording", "subject")
ONE_DECISION = "one decision per subject"
PER_SUBJECT_MEAN = "mean over subjects of the recording-level metric"


def evaluate(
    table: pd.DataFrame,
    *,
    positive: str | None = None,
    rule: Rule = "mean",
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Score the predictions of one part of one corpus at slice, recording and subject level.

    Subject level has two meanings (`aggregation.decided_units`), and `definition` says which one it was: one decision
    per subject, or, in corpora whose subjects have several true classes, the mean over subjects of the recording-level
    metric.

    Args:
        table: a prediction table of one part and one corpus.
        positive: the positive class of two (`metrics.positive_class`).
        rule: how slices are put together, 'mean' or 'vote'.
        draws: bootstrap draws of the intervals.
        seed: of the intervals.

    Returns:
        for each level a dict of `n` (units), `subjects`, `chance` (the UAR of guessing), `uar, accuracy, macro_f1` and
        `uar_ci, accuracy_ci, macro_f1_ci` ([low, high], 95%); for two classes `positive, sensitivity, specificity, auc,
        brier`; `per_class` (precision, recall, f1, support) and `confusion` (labels, counts by true class), or at
        subject level `definition` and, for a mean over subjects, no per_class and confusion. Numbers are plain floats;
        None where a metric is not defined. JSON takes it as it is.

    Raises:
        UserError: no prediction table, or one that mixes parts or corpora.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "recording": "r"}
        >>> rows = [{**row, "subject": f"s{i}", "truth": "ab"[i % 2], "p_a": 0.75, "p_b": 0.25} for i in range(4)]
        >>> scores = evaluate(pd.DataFrame(rows))
        >>> scores["subject"]["uar"], scores["subject"]["specificity"], scores["subject"]["definition"]
        (0.5, 1.0, 'one decision per subject')
    """
    table = validate_predictions(table)
    for column in ("part", "corpus"):
        if table[column].nunique() > 1:
            found = sorted(table[column].unique())
            raise UserError(f"the table mixes {column}s {found}; evaluate one {column} at a time")
    result: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        units, per_subject = decided_units(table, level, rule=rule)
        scores = _mean_over_subjects(units, positive) if per_subject else _scores(units, positive) | _details(units)
        for metric in COUNT_METRICS:
            ends = bootstrap_interval(table, metric, level=level, rule=rule, positive=positive, draws=draws, seed=seed)
            scores[f"{metric}_ci"] = None if math.isnan(ends[0]) else list(ends)
        result[level] = scores
    result["subject"].setdefault("definition", ONE_DECISION)
    return result


def _scores(units: pd.DataFrame, positive: str | None) -> dict[str, Any]:
    """Return the scalar metrics of a table of units."""
    counts, classes = confusion(units), class_names(units)
    result: dict[str, Any] = {
        "n": len(units),
        "subjects": int(units.groupby(["corpus", "subject"]).ngroups),
        "chance": 1 / units["truth"].nunique(),
    }
    result |= {name: _number(metric(counts)) for name, metric in COUNT_METRICS.items()}
    if len(classes) == 2:
        name = positive_class(classes, positive)
        index = classes.index(name)
        truth, scores = (units["truth"] == name).to_numpy(), units[f"p_{name}"].to_numpy(dtype=np.float64)
        recall = recalls(counts)
        result |= {"positive": name, "sensitivity": _number(recall[index]), "specificity": _number(recall[1 - index])}
        result |= {"auc": _number(auc(scores, truth)), "brier": brier(scores, truth)}
    return result


def _details(units: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics of each class and the confusion counts of a table of units."""
    counts, classes = confusion(units), class_names(units)
    columns = zip(classes, precisions(counts), recalls(counts), f1_scores(counts), counts.sum(axis=1), strict=True)
    return {
        "per_class": {
            name: {"precision": _number(p), "recall": _number(r), "f1": _number(f), "support": int(n)}
            for name, p, r, f, n in columns
        },
        "confusion": {"labels": classes, "counts": counts.astype(int).tolist()},
    }


def _mean_over_subjects(recordings: pd.DataFrame, positive: str | None) -> dict[str, Any]:
    """Return the mean over subjects of the scalar metrics of their own recordings."""
    each: list[Mapping[str, Any]] = [
        _scores(own, positive) for _, own in recordings.groupby(["corpus", "subject"], sort=True)
    ]
    result: dict[str, Any] = {"n": len(each), "subjects": len(each), "definition": PER_SUBJECT_MEAN}
    for name, first in each[0].items():
        if name in result:
            continue
        if isinstance(first, str):
            result[name] = first
            continue
        values = [scores[name] for scores in each if scores[name] is not None]
        result[name] = float(np.mean(values)) if values else None
    return result


def _number(value: Any) -> float | None:
    """Return a plain float; None for NaN, which JSON has not."""
    return None if np.isnan(value) else float(value)
