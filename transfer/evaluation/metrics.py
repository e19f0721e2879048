"""Classification metrics, as functions of confusion counts.

K classes; counts[..., i, j] is how many units of true class i were decided as class j. Leading axes are batches, so
that thousands of bootstrap draws are one call. A metric that is not defined (a recall without units) is NaN here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.evaluation.predictions import class_names, probabilities

__all__ = [
    "COUNT_METRICS",
    "FloatArray",
    "accuracy",
    "confusion",
    "confusion_by_subject",
    "f1_scores",
    "macro_f1",
    "precisions",
    "recalls",
    "uar",
]

FloatArray = npt.NDArray[np.float64]


def confusion(table: pd.DataFrame) -> FloatArray:
    """Count decisions (the class of highest probability, the first of equals) by true class.

    Shape:
        (K true, K decided).

    Example:
        >>> confusion(pd.DataFrame({"truth": ["a", "a", "b"], "p_a": [0.9, 0.2, 0.1], "p_b": [0.1, 0.8, 0.9]}))
        array([[1., 1.],
               [0., 1.]])
    """
    counts: FloatArray = _counts(table, np.zeros(len(table), dtype=np.intp), 1)[0]
    return counts


def confusion_by_subject(table: pd.DataFrame) -> FloatArray:
    """Count decisions by true class for each subject, subjects sorted by corpus and name.

    Shape:
        (S subjects, K true, K decided).

    Example:
        >>> table = pd.DataFrame({"truth": ["a", "b"], "p_a": [0.9, 0.9], "p_b": [0.1, 0.1]})
        >>> confusion_by_subject(table.assign(corpus="c", subject=["s1", "s2"])).shape
        (2, 2, 2)
    """
    codes = table.groupby(["corpus", "subject"], sort=True).ngroup().to_numpy()
    return _counts(table, codes, int(codes.max()) + 1)


def recalls(counts: FloatArray) -> FloatArray:
    """Return the recall of each class: r_i = c_ii / sum_j c_ij, NaN where class i has no units.

    Shape:
        counts (..., K, K); result (..., K).

    Example:
        >>> recalls(np.array([[3.0, 1.0], [0.0, 2.0]]))
        array([0.75, 1.  ])
    """
    return _ratio(_hits(counts), counts.sum(axis=-1))


def precisions(counts: FloatArray) -> FloatArray:
    """Return the precision of each class: c_jj / sum_i c_ij, NaN where class j was never decided.

    Shape:
        counts (..., K, K); result (..., K).

    Example:
        >>> precisions(np.array([[3.0, 1.0], [0.0, 1.0]]))
        array([1. , 0.5])
    """
    return _ratio(_hits(counts), counts.sum(axis=-2))


def f1_scores(counts: FloatArray) -> FloatArray:
    """Return the F1 of each class: 2 c_ii / (sum_j c_ij + sum_j c_ji), NaN where it is neither true nor decided.

    Shape:
        counts (..., K, K); result (..., K).

    Example:
        >>> f1_scores(np.array([[3.0, 1.0], [1.0, 3.0]]))
        array([0.75, 0.75])
    """
    return _ratio(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def uar(counts: FloatArray) -> FloatArray:
    """Return the unweighted average recall: the mean recall of the classes that have units.

    The measure of the paralinguistics challenges (Schuller et al., Interspeech 2009); scikit-learn calls it balanced
    accuracy. Guessing gives 1 / K whatever the class sizes.

    Shape:
        counts (..., K, K); result (...).

    Example:
        >>> float(uar(np.array([[3.0, 1.0], [0.0, 2.0]])))
        0.875
    """
    return _mean_defined(recalls(counts))


def accuracy(counts: FloatArray) -> FloatArray:
    """Return the share of right decisions.

    Shape:
        counts (..., K, K); result (...).

    Example:
        >>> float(accuracy(np.array([[3.0, 1.0], [1.0, 3.0]])))
        0.75
    """
    return _ratio(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: FloatArray) -> FloatArray:
    """Return the mean F1 of the classes that are true or decided at least once (scikit-learn's macro average).

    Shape:
        counts (..., K, K); result (...).

    Example:
        >>> float(macro_f1(np.array([[3.0, 1.0], [1.0, 3.0]])))
        0.75
    """
    return _mean_defined(f1_scores(counts))


COUNT_METRICS: dict[str, Callable[[FloatArray], FloatArray]] = {"uar": uar, "accuracy": accuracy, "macro_f1": macro_f1}


def _counts(table: pd.DataFrame, groups: npt.NDArray[np.intp], n: int) -> FloatArray:
    """Count decisions by group and true class; shape (n, K, K)."""
    classes = class_names(table)
    truth = pd.Index(classes).get_indexer(table["truth"])
    decided = probabilities(table).argmax(axis=1)
    k = len(classes)
    flat = np.bincount((groups * k + truth) * k + decided, minlength=n * k * k)
    counts: FloatArray = flat.reshape(n, k, k).astype(np.float64)
    return counts


def _hits(counts: FloatArray) -> FloatArray:
    """Return the diagonal of the last two axes."""
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(over: FloatArray, under: FloatArray) -> FloatArray:
    """Divide; 0 / 0 is NaN without a warning."""
    result: FloatArray = np.divide(over, under, out=np.full(np.shape(under), np.nan), where=under > 0)
    return result


def _mean_defined(values: FloatArray) -> FloatArray:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))
