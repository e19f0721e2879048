"""Operating points: the threshold for the positive class of two, chosen on validation and carried to the test part.

At a threshold of 0.5 a model that separates two classes well may still find nobody: its probabilities follow the
classes' shares in training. Choosing the threshold on the test part would be an oracle; here the test part is only
scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from transfer.evaluation.aggregation import Level, Rule, decided_units
from transfer.evaluation.binary import predictive_values
from transfer.evaluation.bootstrap import units_interval
from transfer.evaluation.metrics import FloatArray, confusion, recalls
from transfer.evaluation.positive import positive_class
from transfer.evaluation.predictions import class_names, validate_predictions

__all__ = ["OperatingPoint", "choose_points", "choose_threshold", "point_in_words", "point_scores"]


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what it was chosen by.

    Args:
        positive: the positive class.
        threshold: units whose probability of that class reaches it are decided positive.
        criterion: what chose it, in words.
        sensitivity: on the validation part; too good, for the threshold was chosen there.
        specificity: on the validation part.
    """

    positive: str
    threshold: float
    criterion: str
    sensitivity: float
    specificity: float


def choose_threshold(
    units: pd.DataFrame, *, positive: str | None = None, sensitivity: float | None = None
) -> OperatingPoint | None:
    """Choose a threshold from decisions of a validation part.

    Thresholds lie halfway between neighbouring probabilities. Without a sensitivity Youden's J = sensitivity +
    specificity - 1 is highest (Youden, Cancer 1950), of equals the threshold nearest 0.5; with one, specificity is
    highest among the thresholds that reach it.

    Args:
        units: slices or aggregated decisions of the validation part, of two classes.
        positive: the positive class.
        sensitivity: the sensitivity to reach, in (0, 1].

    Returns:
        the point; None where there are not two classes, or one of them has no units, so that nothing can be chosen.

    Raises:
        UserError: a positive class that is none.

    Example:
        >>> units = pd.DataFrame({"truth": ["HC", "HC", "MDD", "MDD"], "p_MDD": [0.1, 0.2, 0.3, 0.4]})
        >>> point = choose_threshold(units.assign(p_HC=1 - units["p_MDD"]))
        >>> point.threshold, point.sensitivity, point.specificity
        (0.25, 1.0, 1.0)
    """
    classes = class_names(units)
    if len(classes) != 2:
        return None
    name = positive_class(classes, positive)
    truth, scores = (units["truth"] == name).to_numpy(), units[f"p_{name}"].to_numpy(dtype=np.float64)
    if truth.all() or not truth.any():
        return None
    values = np.unique(scores)
    thresholds = np.array([0.0, *(values[:-1] + values[1:]) / 2])
    found = 1 - np.searchsorted(np.sort(scores[truth]), thresholds) / truth.sum()
    cleared = np.searchsorted(np.sort(scores[~truth]), thresholds) / (~truth).sum()
    chosen = _best(thresholds, found, cleared, sensitivity)
    criterion = "Youden's J" if sensitivity is None else f"sensitivity of at least {sensitivity:g}"
    return OperatingPoint(name, float(thresholds[chosen]), criterion, float(found[chosen]), float(cleared[chosen]))


def choose_points(
    valid: pd.DataFrame, *, rule: Rule = "mean", positive: str | None = None, sensitivity: float | None = None
) -> dict[Level, OperatingPoint]:
    """Choose a threshold for each level whose units are decisions, on the prediction table of a validation part.

    Args:
        valid: the prediction table.
        rule: how slices are put together.
        positive: the positive class of two.
        sensitivity: the sensitivity to reach; without one, Youden's J is highest.

    Example:
        >>> row = {"corpus": "c", "part": "valid", "slice": 0, "recording": "r"}
        >>> rows = [{**row, "subject": s, "truth": s, "p_a": p, "p_b": 1 - p} for s, p in (("a", 0.9), ("b", 0.7))]
        >>> {level: point.threshold for level, point in choose_points(pd.DataFrame(rows), positive="a").items()}
        {'slice': 0.8, 'recording': 0.8, 'subject': 0.8}
    """
    valid, points = validate_predictions(valid), {}
    levels: tuple[Level, ...] = ("slice", "recording", "subject")
    for level in levels:
        units, per_subject = decided_units(valid, level, rule=rule)
        point = None if per_subject else choose_threshold(units, positive=positive, sensitivity=sensitivity)
        if point is not None:
            points[level] = point
    return points


def point_scores(
    units: pd.DataFrame,
    point: OperatingPoint,
    *,
    level: Level,
    prevalence: float | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score decisions of a test part at a threshold that validation chose.

    Intervals are over the subjects of the test part, at the threshold as it is: that another validation part would have
    chosen another one is not in them.

    Args:
        units: decisions of the test part.
        point: the operating point.
        level: the level that the units are of.
        prevalence: for PPV and NPV; default: the share of positives among the units.
        draws: bootstrap draws of the intervals.
        seed: of the intervals.

    Returns:
        `threshold, criterion, sensitivity, specificity, ppv, npv, prevalence`, the intervals `sensitivity_ci` and
        `specificity_ci`, and `validation` (sensitivity and specificity there). None where a class has no units.

    Example:
        >>> units = pd.DataFrame({"corpus": "c", "subject": list("stuv"), "truth": list("abab"), "p_a": 0.3, "p_b": 0.7})
        >>> scores = point_scores(units, OperatingPoint("a", 0.25, "Youden's J", 1.0, 1.0), level="subject")
        >>> scores["sensitivity"], scores["specificity"], scores["ppv"]
        (1.0, 0.0, 0.5)
    """
    classes = class_names(units)
    other = next(name for name in classes if name != point.positive)
    reached = (units[f"p_{point.positive}"] >= point.threshold).astype(np.float64)
    decided = units.assign(**{f"p_{point.positive}": reached, f"p_{other}": 1 - reached})
    recall = dict(zip(classes, recalls(confusion(decided)), strict=True))
    sensitivity, specificity = float(recall[point.positive]), float(recall[other])
    share = float((units["truth"] == point.positive).mean()) if prevalence is None else prevalence
    ppv, npv = predictive_values(sensitivity, specificity, share)
    numbers = {"sensitivity": sensitivity, "specificity": specificity, "ppv": ppv, "npv": npv, "prevalence": share}
    result: dict[str, Any] = {"threshold": point.threshold, "criterion": point.criterion}
    result |= {name: None if np.isnan(value) else value for name, value in numbers.items()}
    for metric in ("sensitivity", "specificity"):
        ends = units_interval(decided, metric, level=level, positive=point.positive, draws=draws, seed=seed)
        result[f"{metric}_ci"] = None if np.isnan(ends[0]) else list(ends)
    return result | {"validation": {"sensitivity": point.sensitivity, "specificity": point.specificity}}


def point_in_words(scores: Mapping[str, Any]) -> str:
    """Say an operating point in a line.

    Args:
        scores: of `point_scores`.

    Example:
        >>> scores = {"threshold": 0.25, "criterion": "Youden's J", "sensitivity": 0.8, "sensitivity_ci": [0.5, 0.9]}
        >>> point_in_words({**scores, "specificity": None, "ppv": 0.75, "npv": 0.5, "prevalence": 0.5})
        "threshold 0.25 (Youden's J on validation): sensitivity 0.80 [0.50, 0.90]; at a prevalence of 0.5 PPV 0.75, NPV 0.50"
    """
    rates = [
        f"{name} {scores[name]:.2f}" + ("" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]")
        for name in ("sensitivity", "specificity")
        if scores.get(name) is not None
        for ends in [scores.get(f"{name}_ci")]
    ]
    values = [f"{name.upper()} {scores[name]:.2f}" for name in ("ppv", "npv") if scores.get(name) is not None]
    text = f"threshold {scores['threshold']:.2g} ({scores['criterion']} on validation): {', '.join(rates)}"
    return f"{text}; at a prevalence of {scores['prevalence']:.2g} {', '.join(values)}" if values else text


def _best(thresholds: FloatArray, found: FloatArray, cleared: FloatArray, sensitivity: float | None) -> int:
    """Return the index of the threshold to choose, of sensitivities and specificities."""
    if sensitivity is not None:
        return int(np.flatnonzero(found >= sensitivity - 1e-12)[-1])  # found falls and cleared rises
    j = found + cleared
    best = np.flatnonzero(j >= j.max() - 1e-12)
    return int(best[np.abs(thresholds[best] - 0.5).argmin()])
