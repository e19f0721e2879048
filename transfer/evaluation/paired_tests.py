"""Tests of a difference between two systems that were scored on the same subjects or on the same folds and seeds.

Each answers another question. `swap_test` (permutation): would the difference be as large if the systems' names were
dealt at random to each subject's predictions? `signed_rank_test`: do subjects (or blocks) tend to one side?
`corrected_t_test`: would other draws of training and test part show it too? All are two-sided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from transfer.evaluation.metrics import FloatArray
from transfer.evaluation.weighted import Statistic

__all__ = ["corrected_t_test", "holm", "paired_effect", "signed_rank_test", "swap_test"]

_ROUNDING = 1e-9
_COUNTED = 13


def swap_test(
    difference: Statistic, subjects: int, *, draws: int = 10_000, rng: np.random.Generator | int = 0
) -> float:
    """Return the p-value of a difference between two systems under swaps of their predictions, subject by subject.

    p = share of swaps s in {0, 1}^S with |T(s)| >= |T(0)|

    where swapping a subject gives all its predictions of one system to the other, in every seed: a subject's slices
    and seeds are not independent, subjects are. The metric need not be a mean: it is computed again for every s. All
    2^S swaps are counted where that is no more than `draws`; otherwise p = (1 + hits) / (1 + draws) of random swaps,
    which keeps its level (Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 2010).

    Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989; Yeh, COLING 2000, for metrics such as F1.

    Args:
        difference: takes swaps (D, S), 1 where a subject is swapped; gives the difference of the metric (D,).
        subjects: S.
        draws: random swaps.
        rng: generator or seed.

    Returns:
        p in (0, 1]; NaN where the difference is not defined.

    Raises:
        ValueError: no subject, or no draw.

    Example:
        >>> own = np.array([0.1, 0.2, 0.3, 0.1, 0.2])  # all five for the same system: 2 of 32 swaps are as large
        >>> swap_test(lambda swaps: (1 - 2 * swaps) @ own, 5)
        0.0625
    """
    if subjects < 1 or draws < 1:
        raise ValueError(f"got {subjects} subjects and {draws} draws; expected one or more of each")
    seen = float(difference(np.zeros((1, subjects)))[0])
    if math.isnan(seen):
        return seen
    least = abs(seen) - _ROUNDING
    if subjects < 30 and 2**subjects <= draws:
        every = (np.arange(2**subjects)[:, None] >> np.arange(subjects)) & 1
        return float(np.mean(~(np.abs(difference(every.astype(np.float64))) < least)))
    swaps = np.random.default_rng(rng).integers(0, 2, size=(draws, subjects)).astype(np.float64)
    # A swap that leaves the metric undefined (NaN) counts against the systems: it cannot speak for a difference.
    hits = int(np.sum(~(np.abs(difference(swaps)) < least)))
    return (1 + hits) / (1 + draws)


def corrected_t_test(differences: npt.ArrayLike, test_share: float) -> float:
    """Return the p-value of the corrected resampled t-test of differences over folds x seeds.

    t = mean(d) / sqrt((1/J + n_test/n_train) var(d)),  with J - 1 degrees of freedom

    The J training parts overlap, so that their differences are correlated; the plain 1/J takes them for independent
    and finds differences that are not there. Nadeau & Bengio, Machine Learning 2003.

    Args:
        differences: of the metric, one for each fold and seed.
        test_share: n_test / n_train.

    Returns:
        p in [0, 1]; 1 where all differences are 0; NaN for fewer than two, or where they are all the same otherwise
        (no spread to judge by).

    Raises:
        ValueError: where the share is not a positive number.

    Example:
        >>> round(corrected_t_test([0.1, 0.05, 0.0, 0.15, 0.1], test_share=0.25), 3)
        0.105
    """
    if not (math.isfinite(test_share) and test_share > 0):
        raise ValueError(f"test_share is {test_share}; expected n_test / n_train, such as 0.25 for five folds")
    d = np.asarray(differences, dtype=np.float64)
    d = d[~np.isnan(d)]
    if len(d) < 2:
        return math.nan
    if np.ptp(d) < _ROUNDING:
        return 1.0 if abs(d[0]) < _ROUNDING else math.nan
    t = d.mean() / math.sqrt((1 / len(d) + test_share) * d.var(ddof=1))
    return float(2 * stats.t.sf(abs(t), len(d) - 1))


def signed_rank_test(differences: npt.ArrayLike) -> float:
    """Return the p-value of Wilcoxon's signed-rank test; pairs without a difference share their ranks (Pratt).

    Wilcoxon, Biometrics Bulletin 1945; Pratt, JASA 1959. Every sign of up to 13 pairs is counted, ties or not; beyond
    that scipy decides between exact and normal.

    Args:
        differences: one for each subject, or each block.

    Returns:
        p in (0, 1]; 1 where nothing differs; NaN where there is nothing.

    Example:
        >>> round(signed_rank_test([0.1, 0.2, 0.3, 0.4, 0.5]), 4)
        0.0625
    """
    d = np.asarray(differences, dtype=np.float64)
    d = np.round(d[~np.isnan(d)], 9)  # 0.7 - 0.6 and 0.3 - 0.2 are ties
    if not len(d):
        return math.nan
    signed = (np.sign(d) * stats.rankdata(np.abs(d)))[d != 0]
    if not len(signed):
        return 1.0
    if len(signed) <= _COUNTED:  # scipy would too, a thousand times slower where ranks are tied
        return swap_test(lambda swaps: (1 - 2 * swaps) @ signed, len(signed), draws=2**_COUNTED)
    return float(stats.wilcoxon(d, zero_method="pratt", method="auto").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down, in the order given.

    p~_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)),  p_(1) <= ... <= p_(m);  NaN stays NaN and does not count.

    Holm, Scandinavian Journal of Statistics 1979: no more than alpha chance of one false find among all.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    steps = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps * p[order]))
    return [float(value) for value in corrected]


def paired_effect(differences: npt.ArrayLike) -> float:
    """Return the standardised mean of paired differences, corrected for few pairs.

    g = (1 - 3 / (4 (n - 1) - 1)) mean(d) / sd(d)

    Hedges, Journal of Educational Statistics 1981; Cohen's d_z. It says how regular a difference is over subjects, not
    how large: the plain difference says that.

    Returns:
        0 where nothing differs; NaN for fewer than three pairs, or where all differ by the same.

    Example:
        >>> round(paired_effect([0.1, 0.2, 0.3, 0.2]), 2)
        1.78
    """
    d: FloatArray = np.asarray(differences, dtype=np.float64)
    d = d[~np.isnan(d)]
    if len(d) < 3:
        return math.nan
    if np.ptp(d) < _ROUNDING:
        return 0.0 if abs(d[0]) < _ROUNDING else math.nan
    return float((1 - 3 / (4 * (len(d) - 1) - 1)) * d.mean() / d.std(ddof=1))
