"""Metrics as functions of subject weights: all ones gives the metric, the counts of a bootstrap draw its value there.

S subjects, D draws. Each subject is reduced once to what its metric needs (confusion counts, sums, pairwise wins), so
that a thousand draws are one product of matrices and no slice is touched again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.errors import UserError, did_you_mean
from transfer.evaluation.binary import auc, average_precision
from transfer.evaluation.metrics import COUNT_METRICS, FloatArray, confusion_by_subject, recalls
from transfer.evaluation.positive import positive_class
from transfer.evaluation.predictions import class_names

__all__ = ["METRICS", "Statistic", "count_metric", "weighted_metric"]

Statistic = Callable[[FloatArray], FloatArray]

_BINARY = ("sensitivity", "specificity", "auc", "pr_auc", "brier")
_CELLS = 4_000_000  # draws x thresholds held at once: 32 MB an array
METRICS = (*COUNT_METRICS, *_BINARY)


def weighted_metric(
    units: pd.DataFrame, metric: str, *, positive: str | None = None, per_subject: bool = False
) -> Statistic:
    """Return a metric of a table of units as a function of subject weights (D, S) -> (D,).

    Args:
        units: slices or aggregated decisions, with `corpus, subject, truth` and p_ columns; subjects are numbered in
            the order of their sorted (corpus, subject).
        metric: uar, accuracy, macro_f1; for two classes also sensitivity, specificity, auc, pr_auc, brier.
        positive: the positive class of two.
        per_subject: the weighted mean of each subject's own metric, not the metric of the weighted units.

    Raises:
        UserError: an unknown metric, or one for two classes where there are more.

    Example:
        >>> units = pd.DataFrame({"corpus": "c", "subject": ["s1", "s2"], "truth": ["a", "b"], "p_a": 0.9, "p_b": 0.1})
        >>> weighted_metric(units, "accuracy")(np.array([[1, 1], [3, 1]]))
        array([0.5 , 0.75])
    """
    of_counts = count_metric(metric, class_names(units), positive)
    if of_counts is None:
        return _of_scores(units, metric, positive_class(class_names(units), positive), per_subject)
    counts = confusion_by_subject(units)  # (S, K, K)
    if per_subject:
        return _averaged(of_counts(counts))
    return lambda weights: of_counts(np.tensordot(weights, counts, axes=1))


def count_metric(metric: str, classes: list[str], positive: str | None = None) -> Statistic | None:
    """Return a metric as a function of confusion counts (..., K, K), or None where it needs the probabilities.

    Raises:
        UserError: an unknown metric, or one for two classes where there are more.

    Example:
        >>> float(count_metric("sensitivity", ["HC", "MDD"])(np.array([[5.0, 0.0], [1.0, 3.0]])))
        0.75
    """
    if metric not in METRICS:
        raise UserError(f"no metric {metric!r}; {did_you_mean(metric, METRICS)}")
    if metric in COUNT_METRICS:
        return COUNT_METRICS[metric]
    if len(classes) != 2:
        raise UserError(f"{metric} is for two classes, got {len(classes)}: {', '.join(classes)}")
    index = classes.index(positive_class(classes, positive))
    rows = {"sensitivity": index, "specificity": 1 - index}
    return (lambda counts: recalls(counts)[..., rows[metric]]) if metric in rows else None


def _of_scores(units: pd.DataFrame, metric: str, positive: str, per_subject: bool) -> Statistic:
    """Return an area under a curve or the Brier score as a function of subject weights."""
    subjects = units.groupby(["corpus", "subject"], sort=True).ngroup().to_numpy()
    truth, scores = (units["truth"] == positive).to_numpy(), units[f"p_{positive}"].to_numpy(dtype=np.float64)
    size = int(subjects.max()) + 1
    if metric == "brier":
        n = np.bincount(subjects, minlength=size)
        errors = np.bincount(subjects, (scores - truth) ** 2, minlength=size)
        return _averaged(errors / n) if per_subject else lambda weights: _divide(weights @ errors, weights @ n)
    if per_subject:
        area = auc if metric == "auc" else average_precision
        return _averaged(np.array([area(scores[subjects == s], truth[subjects == s]) for s in range(size)]))
    if metric == "pr_auc":
        return _average_precision(scores, truth, subjects, size)
    n, m = np.bincount(subjects[truth], minlength=size), np.bincount(subjects[~truth], minlength=size)
    wins = _wins(scores, truth, subjects, size)
    return lambda weights: _divide(((weights @ wins) * weights).sum(axis=1), (weights @ n) * (weights @ m))


def _wins(scores: FloatArray, truth: npt.NDArray[np.bool_], subjects: npt.NDArray[np.int64], size: int) -> FloatArray:
    """Count pairs of a positive of subject s scored above a negative of subject t, ties half; shape (S, S)."""
    wins = np.zeros((size, size))
    for t in range(size):
        negatives = np.sort(scores[(subjects == t) & ~truth])
        beaten = np.searchsorted(negatives, scores[truth], "left") + np.searchsorted(negatives, scores[truth], "right")
        wins[:, t] = np.bincount(subjects[truth], beaten / 2, minlength=size)
    return wins


def _average_precision(
    scores: FloatArray, truth: npt.NDArray[np.bool_], subjects: npt.NDArray[np.int64], size: int
) -> Statistic:
    """Return the average precision as a function of subject weights: precision counts where a positive is met."""
    thresholds = -np.unique(-scores[truth])  # falling
    t = len(thresholds)
    met = np.searchsorted(-thresholds, -scores)  # the first threshold that decides a unit positive; t if none does
    hits = np.bincount(subjects[truth] * (t + 1) + met[truth], minlength=size * (t + 1)).reshape(size, t + 1)[:, :t]
    decided = np.bincount(subjects * (t + 1) + met, minlength=size * (t + 1)).reshape(size, t + 1)[:, :t].cumsum(axis=1)
    gains, decided = hits.astype(np.float64), decided.astype(np.float64)

    def statistic(weights: FloatArray) -> FloatArray:
        parts = np.array_split(weights, max(1, len(weights) * t // _CELLS))
        return np.concatenate([_area(part @ gains, part @ decided) for part in parts])

    return statistic


def _area(gains: FloatArray, decided: FloatArray) -> FloatArray:
    """Return sum_t gain_t precision_t / sum_t gain_t of draws, (D, T) -> (D,)."""
    hits = gains.cumsum(axis=1)
    precision = np.divide(hits, decided, out=np.zeros_like(hits), where=decided > 0)
    return _divide((gains * precision).sum(axis=1), gains.sum(axis=1))


def _averaged(values: FloatArray) -> Statistic:
    """Return the mean over subjects of their own values (S,), NaN left out, as a function of subject weights."""
    defined = ~np.isnan(values)
    filled = np.where(defined, values, 0.0)
    return lambda weights: _divide(weights @ filled, weights @ defined)


def _divide(over: FloatArray, under: npt.NDArray) -> FloatArray:
    """Divide; NaN where nothing is there to divide by."""
    result: FloatArray = np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under > 0)
    return result
