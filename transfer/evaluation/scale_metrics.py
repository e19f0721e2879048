"""Metrics of scale scores (PHQ-9, arousal ...): agreement and error of predicted numbers, each with intervals at hand.

N units, S subjects, D draws. All three are functions of sums over units, so that each subject is reduced once to its
sums and a bootstrap over subjects is one product of matrices, as in `evaluation.weighted`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from transfer.errors import UserError, did_you_mean
from transfer.evaluation.metrics import FloatArray
from transfer.evaluation.weighted import Statistic

__all__ = ["SCALE_METRICS", "ccc", "mae", "rmse", "weighted_scale_metric"]


def ccc(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the concordance correlation: 2 s_xy / (s_x^2 + s_y^2 + (mean x - mean y)^2), moments divided by N.

    Lin, Biometrics 1989. Unlike Pearson's correlation it falls where predictions are shifted or scaled.

    Returns:
        a number in [-1, 1]; NaN where all values are the same number.

    Raises:
        ValueError: no values, values that are not finite, or not as many of one as of the other.

    Example:
        >>> round(ccc([0, 1, 2], [0, 1, 1]), 4)
        0.6667
    """
    return float(_ccc(_sums(truth, predicted).sum(axis=0)))


def mae(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the mean absolute error, in points of the scale.

    Raises:
        ValueError: no values, values that are not finite, or not as many of one as of the other.

    Example:
        >>> mae([3, 10], [5, 10])
        1.0
    """
    return float(_mae(_sums(truth, predicted).sum(axis=0)))


def rmse(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the root of the mean squared error, in points of the scale.

    Raises:
        ValueError: no values, values that are not finite, or not as many of one as of the other.

    Example:
        >>> rmse([3, 10], [6, 14])
        3.5355339059327378
    """
    return float(_rmse(_sums(truth, predicted).sum(axis=0)))


def weighted_scale_metric(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, subjects: npt.ArrayLike, metric: str
) -> Statistic:
    """Return a metric as a function of subject weights (D, S) -> (D,), which `bootstrap.cluster_interval` takes.

    Args:
        truth: true scores, (N,).
        predicted: predicted scores, (N,).
        subjects: the number of each unit's subject, 0 ... S - 1, (N,).
        metric: ccc, mae or rmse; for the interval of an error give `cluster_interval` its largest value as bound.

    Raises:
        UserError: an unknown metric.
        ValueError: no values, values that are not finite, or not as many of one as of the other.

    Example:
        >>> statistic = weighted_scale_metric([3, 10, 4], [5, 10, 5], [0, 0, 1], "mae")
        >>> statistic(np.array([[1.0, 1.0], [0.0, 2.0]]))
        array([1., 1.])
    """
    if metric not in SCALE_METRICS:
        raise UserError(f"no metric of scale scores {metric!r}; {did_you_mean(metric, SCALE_METRICS)}")
    sums, codes = _sums(truth, predicted), np.asarray(subjects)
    of_subjects = np.zeros((int(codes.max()) + 1, sums.shape[1]))
    np.add.at(of_subjects, codes, sums)
    return lambda weights: SCALE_METRICS[metric](weights @ of_subjects)


def _sums(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> FloatArray:
    """Return what each unit adds to the sums n, x, y, x^2, y^2, xy, |x - y|, (x - y)^2; shape (N, 8)."""
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not x.size:
        raise ValueError(f"expected as many predicted as true scores, one or more, got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("some scores are not finite; leave out units without a true score")
    error = x - y
    x, y = x - x[0], y - x[0]  # no metric sees a shift of both; small numbers keep their digits, equal ones become 0
    return np.stack([np.ones_like(x), x, y, x**2, y**2, x * y, np.abs(error), error**2], axis=1)


def _ccc(sums: FloatArray) -> FloatArray:
    """Return the concordance correlation of sums (..., 8)."""
    n, x, y, xx, yy, xy = np.moveaxis(sums[..., :6], -1, 0)
    covariance = n * xy - x * y
    spread = n * xx - x**2 + n * yy - y**2 + (x - y) ** 2
    return _divide(2 * covariance, spread)


def _mae(sums: FloatArray) -> FloatArray:
    """Return the mean absolute error of sums (..., 8)."""
    return _divide(sums[..., 6], sums[..., 0])


def _rmse(sums: FloatArray) -> FloatArray:
    """Return the root mean squared error of sums (..., 8)."""
    root: FloatArray = np.sqrt(_divide(sums[..., 7], sums[..., 0]))
    return root


SCALE_METRICS: dict[str, Callable[[FloatArray], FloatArray]] = {"ccc": _ccc, "mae": _mae, "rmse": _rmse}


def _divide(over: FloatArray, under: FloatArray) -> FloatArray:
    """Divide; NaN where nothing is there to divide by."""
    result: FloatArray = np.divide(over, under, out=np.full(np.shape(under), np.nan), where=under > 0)
    return result
