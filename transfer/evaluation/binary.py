"""Metrics of two classes, one of them positive, from scores: ranking, and what a decision is worth in a population."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["auc", "average_precision", "predictive_values"]


def auc(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: P(score of a positive > of a negative) + P(equal) / 2.

    The Mann-Whitney statistic (Hanley & McNeil, Radiology 1982).

    Args:
        scores: the score of the positive class, higher is more positive.
        positive: whether each unit is positive.

    Returns:
        a number in [0, 1]; NaN where one of the two classes has no units.

    Example:
        >>> auc([0.9, 0.6, 0.4, 0.6], [True, True, False, False])
        0.875
    """
    positive = np.asarray(positive, dtype=bool)
    n, m = int(positive.sum()), int((~positive).sum())
    if n == 0 or m == 0:
        return float("nan")
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the area under the precision-recall curve: sum_t (R_t - R_t-1) P_t over falling thresholds t.

    Average precision, which draws no line between points of the curve (Davis & Goadrich, ICML 2006, on why a line there
    is too good). A guess gets the share of positives, so that areas of tables with other shares do not compare.

    Args:
        scores: the score of the positive class, higher is more positive.
        positive: whether each unit is positive.

    Returns:
        a number in (0, 1]; NaN where no unit is positive.

    Example:
        >>> average_precision([0.9, 0.8, 0.4, 0.3], [True, False, True, False])
        0.8333333333333333
    """
    scores, positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    if not positive.any():
        return float("nan")
    thresholds, hits = np.unique(scores[positive], return_counts=True)
    hits_above = hits[::-1].cumsum()[::-1]
    decided = len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")
    return float((hits * hits_above / decided).sum() / hits.sum())


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """Return what a decision is worth where a share of people are positive: (PPV, NPV).

    Bayes' formula (Altman & Bland, BMJ 1994): with sensitivity a, specificity b and prevalence q,

        PPV = a q / (a q + (1 - b) (1 - q)),    NPV = b (1 - q) / (b (1 - q) + (1 - a) q).

    A corpus is recruited half and half, a population is not: the values of a test part are those of its own prevalence.

    Returns:
        both in [0, 1]; NaN for a decision that is never made.

    Example:
        >>> ppv, npv = predictive_values(0.9, 0.9, prevalence=0.1)
        >>> round(ppv, 3), round(npv, 3)
        (0.5, 0.988)
    """
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    cleared, alarmed = specificity * (1 - prevalence), (1 - specificity) * (1 - prevalence)
    return (
        found / (found + alarmed) if found + alarmed > 0 else float("nan"),
        cleared / (cleared + missed) if cleared + missed > 0 else float("nan"),
    )
