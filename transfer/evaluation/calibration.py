"""Whether probabilities mean what they say: Brier scores and the calibration error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BINS", "brier", "calibration_error", "confidence_error", "fit_temperature", "multiclass_brier", "tempered"]

BINS = 10


def brier(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the Brier score of two classes: the mean of (p - y)^2, y = 1 for positives; smaller is better.

    Brier, Monthly Weather Review 1950 (half of its two-class form, as scikit-learn has it).

    Example:
        >>> brier([0.5, 1.0], [True, True])
        0.125
    """
    errors = np.asarray(scores, dtype=np.float64) - np.asarray(positive, dtype=np.float64)
    return float(np.mean(errors**2))


def multiclass_brier(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the Brier score of K classes: the mean over units of sum_k (p_k - y_k)^2, y one-hot; in [0, 2].

    Brier, Monthly Weather Review 1950. For two classes it is twice `brier`.

    Args:
        probabilities: (N, K).
        truth: class indices, (N,).

    Example:
        >>> multiclass_brier([[0.5, 0.5, 0.0]], [0])
        0.5
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return float(((p - np.eye(p.shape[1])[np.asarray(truth)]) ** 2).sum(axis=1).mean())


def calibration_error(probabilities: npt.ArrayLike, happened: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Return the expected calibration error of an event: sum_b n_b / N |mean probability - share that happened|.

    Naeini, Cooper & Hauskrecht, AAAI 2015. Bins are of equal width, bin b holds ((b - 1) / B, b / B], the first also 0.
    Of few units it says too much: bins then differ from their probability by chance alone (Roelofs et al., AISTATS
    2022).

    Args:
        probabilities: of the event for each unit, (N,): of the positive class, or of having decided right.
        happened: whether it did, (N,).
        bins: B.

    Raises:
        ValueError: fewer than one bin.

    Example:
        >>> calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
        0.0
        >>> calibration_error([0.5, 1.0], [True, True])
        0.25
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected 1 or more, such as {BINS}")
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(happened, dtype=np.float64)
    # The edges are numbers as they are written (0.3, not 0.30000000000000004): a probability on one lies below it.
    inner = np.array([b / bins for b in range(1, bins)])
    surplus = np.bincount(np.searchsorted(inner, p, side="left"), p - y, minlength=bins)
    return float(np.abs(surplus).sum() / len(p))


def confidence_error(probabilities: npt.ArrayLike, truth: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Return the calibration error of K classes: that of the confidence, the highest probability, to decide right.

    Guo et al., ICML 2017. It says nothing about the probabilities of the classes not decided.

    Args:
        probabilities: (N, K).
        truth: class indices, (N,).
        bins: bins of equal width (`calibration_error`).

    Example:
        >>> confidence_error([[0.75, 0.25, 0.0], [0.25, 0.75, 0.0]], [0, 0])
        0.25
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return calibration_error(p.max(axis=1), p.argmax(axis=1) == np.asarray(truth), bins=bins)


def tempered(probabilities: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """Return probabilities (N, K) softened (T > 1) or sharpened (T < 1): p_k^(1/T) / sum_j p_j^(1/T).

    Guo et al., On calibration of modern neural networks, ICML 2017. The class decided for stays the same.

    Example:
        >>> tempered([[0.9, 0.1]], 2.0).round(2).tolist()
        [[0.75, 0.25]]
    """
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit_temperature(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the temperature in [0.05, 20] that makes the truths likeliest: argmin_T -sum_n log tempered(p, T)_n,y.

    Args:
        probabilities: (N, K), of data that nothing was trained on.
        truth: class indices, (N,).

    Example:
        >>> sure, right = [[0.99, 0.01]] * 4, [0, 0, 0, 1]
        >>> fitted = fit_temperature(sure, right)
        >>> tempered(sure, fitted)[0].round(2).tolist()
        [0.75, 0.25]
    """
    from scipy.optimize import minimize_scalar

    rows, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)

    def surprise(log_temperature: float) -> float:
        chosen = tempered(rows, float(np.exp(log_temperature)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-300)).mean())

    found = minimize_scalar(surprise, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))
