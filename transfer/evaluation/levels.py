"""The scores of one part at three levels: slices, recordings, subjects, each with intervals over subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from transfer.errors import UserError
from transfer.evaluation.aggregation import Level, Rule, decided_units, decision_level
from transfer.evaluation.binary import auc, average_precision, predictive_values
from transfer.evaluation.bootstrap import units_interval
from transfer.evaluation.calibration import brier, calibration_error, confidence_error, multiclass_brier
from transfer.evaluation.metrics import (
    COUNT_METRICS,
    FloatArray,
    confusion,
    f1_scores,
    precisions,
    recalls,
)
from transfer.evaluation.operating_point import OperatingPoint, point_scores
from transfer.evaluation.positive import positive_class
from transfer.evaluation.predictions import class_names, probabilities, validate_predictions
from transfer.evaluation.subgroups import subgroup_scores

__all__ = ["LEVELS", "ONE_DECISION", "PER_SUBJECT_MEAN", "evaluate"]

LEVELS: tuple[Level, ...] = ("slice", "recording", "subject")
ONE_DECISION = "one decision per subject"
PER_SUBJECT_MEAN = "mean over subjects of the recording-level metric"

_RANKED = ("sensitivity", "specificity", "auc", "pr_auc")  # of two classes, with intervals
_OF_MANY = ("prevalence", "ppv", "npv", "ece")  # say nothing about the few recordings of one subject


def evaluate(
    table: pd.DataFrame,
    *,
    positive: str | None = None,
    rule: Rule = "mean",
    prevalence: float | None = None,
    points: Mapping[Level, OperatingPoint] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Score the predictions of one part of one corpus at slice, recording and subject level.

    Subject level has two meanings (`aggregation.decided_units`), and `definition` says which one it was: one decision
    per subject, or, in corpora whose subjects have several true classes, the mean over subjects of the recording-level
    metric.

    Args:
        table: a prediction table of one part and one corpus.
        positive: the positive class of two (`positive.positive_class`).
        rule: how slices are put together, 'mean' or 'vote' (`aggregation.choose_rule`).
        prevalence: share of positives for which PPV and NPV are told; default: that of the table's units.
        points: thresholds that the validation part chose (`operating_point.choose_points`), none for other levels.
        draws: bootstrap draws of the intervals.
        seed: of the intervals.

    Returns:
        for each level a dict of `n` (units), `subjects`, `chance` (the UAR of guessing), `uar, accuracy, macro_f1,
        brier, ece` (calibration error in ten bins: of the positive class of two, of the confidence of more; of shares
        of votes where the rule is a vote); for two classes `positive, sensitivity, specificity, auc, pr_auc, ppv, npv,
        prevalence`; intervals `<name>_ci` ([low, high], 95%) of all but brier, ece, ppv and npv; `per_class`
        (precision, recall, f1, support) and `confusion` (labels, counts by true class), or at subject level
        `definition` and, for a mean over subjects, none of these two, ece, ppv and npv. `rule` above slices;
        `operating_point` where there is one (`operating_point.point_scores`); `subgroups` at the level that is decided
        about, where the table knows of any (`subgroups.subgroup_scores`). Numbers are plain floats; None where a metric
        is not defined. JSON takes it as it is.

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
    metrics = (*COUNT_METRICS, *(_RANKED if len(class_names(table)) == 2 else ()))
    result: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        units, per_subject = decided_units(table, level, rule=rule)
        whole = {} if per_subject else _scores(units, positive, prevalence) | _details(units)
        scores = whole or _mean_over_subjects(units, positive)
        for metric in metrics:
            ends = units_interval(units, metric, level=level, positive=positive, draws=draws, seed=seed)
            scores[f"{metric}_ci"] = None if math.isnan(ends[0]) else list(ends)
        if points and level in points and not per_subject:
            chosen = point_scores(units, points[level], level=level, prevalence=prevalence, draws=draws, seed=seed)
            scores["operating_point"] = chosen
        result[level] = scores if level == "slice" else scores | {"rule": rule}
    result["subject"].setdefault("definition", ONE_DECISION)
    groups = subgroup_scores(table, rule=rule, positive=positive, draws=draws, seed=seed)
    result[decision_level(table)] |= {"subgroups": groups} if groups else {}
    return result


def _scores(units: pd.DataFrame, positive: str | None, prevalence: float | None = None) -> dict[str, Any]:
    """Return the scalar metrics of a table of units."""
    counts, classes = confusion(units), class_names(units)
    result: dict[str, Any] = {
        "n": len(units),
        "subjects": int(units.groupby(["corpus", "subject"]).ngroups),
        "chance": 1 / units["truth"].nunique(),
    }
    result |= {name: _number(metric(counts)) for name, metric in COUNT_METRICS.items()}
    if len(classes) == 2:
        return result | _two_class_scores(units, counts, positive_class(classes, positive), prevalence)
    p, truth = probabilities(units), pd.Index(classes).get_indexer(units["truth"])
    return result | {"brier": multiclass_brier(p, truth), "ece": confidence_error(p, truth)}


def _two_class_scores(
    units: pd.DataFrame, counts: FloatArray, positive: str, prevalence: float | None
) -> dict[str, Any]:
    """Return the scalar metrics that two classes have."""
    index, recall = class_names(units).index(positive), recalls(counts)
    truth, scores = (units["truth"] == positive).to_numpy(), units[f"p_{positive}"].to_numpy(dtype=np.float64)
    share = float(truth.mean()) if prevalence is None else prevalence
    ppv, npv = predictive_values(float(recall[index]), float(recall[1 - index]), share)
    numbers = {
        "sensitivity": recall[index],
        "specificity": recall[1 - index],
        "auc": auc(scores, truth),
        "pr_auc": average_precision(scores, truth),
        "brier": brier(scores, truth),
        "ece": calibration_error(scores, truth),
        "ppv": ppv,
        "npv": npv,
        "prevalence": share,
    }
    return {"positive": positive, **{name: _number(value) for name, value in numbers.items()}}


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
        if name in result or name in _OF_MANY:
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
