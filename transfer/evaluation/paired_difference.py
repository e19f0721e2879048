"""The difference between two systems: its interval over subjects, three tests and an effect size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from transfer.evaluation.bootstrap import cluster_interval
from transfer.evaluation.metrics import FloatArray
from transfer.evaluation.paired_tests import corrected_t_test, paired_effect, signed_rank_test, swap_test
from transfer.evaluation.pooling import Pool, Scoring, Units, seed_scores, subjects_of

__all__ = ["PairedDifference", "paired_difference", "strata_of"]


@dataclass(frozen=True)
class PairedDifference:
    """What is known of a - b.

    Args:
        value: difference of the scores on what both tested.
        interval: over subjects, and over seeds where there are several (`cluster_interval`); the same draw of subjects in
            both systems and in all seeds.
        p_permutation: of swaps of a subject's predictions (`paired_tests.swap_test`).
        p_ttest: over seeds x folds (`corrected_t_test`); NaN where the target has no training part or too few blocks.
        p_wilcoxon: over subjects' own scores (`signed_rank_test`); NaN where a subject alone has no score.
        effect: standardised mean difference of subjects' own scores (`paired_effect`).
        subjects: how many both tested.
        seeds: the seeds in which they did.
        by_seed: difference in each of these seeds.
    """

    value: float
    interval: tuple[float, float]
    p_permutation: float
    p_ttest: float
    p_wilcoxon: float
    effect: float
    subjects: int
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]

    def reversed(self) -> PairedDifference:
        """Return b - a: the tests are two-sided and stay."""
        low, high = self.interval
        by_seed = tuple(-difference for difference in self.by_seed)
        return replace(self, value=-self.value, interval=(-high, -low), effect=-self.effect, by_seed=by_seed)


def paired_difference(
    a: Pool,
    b: Pool,
    scoring: Scoring,
    *,
    test_share: float | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> PairedDifference | None:
    """Compare two systems on the cells and recordings that both tested.

    Both systems' units stand in one table under two names, with a weight for each subject of each: (w, 0) weighs what
    a said, (0, w) what b said, and a swap s gives (1 - s, s) and (s, 1 - s). So every metric that takes subject
    weights has its interval and its permutation test, additive or not.

    Args:
        a: one system.
        b: the other.
        scoring: metric and level.
        test_share: n_test / n_train of the corrected t-test; None leaves it out.
        confidence: of the interval.
        draws: of the bootstrap; the permutation test takes five times as many.
        seed: of both.

    Returns:
        None where they share nothing.

    Example:
        >>> import pandas as pd
        >>> names = [f"s{i}" for i in range(12)]
        >>> table = pd.DataFrame({"corpus": "c", "part": "test", "slice": 0, "recording": "r", "subject": names})
        >>> right = table.assign(truth=["a", "b"] * 6, p_a=[0.9, 0.1] * 6, p_b=[0.1, 0.9] * 6)
        >>> wrong = right.assign(p_a=0.9, p_b=0.1)  # always a
        >>> pools = [Pool({(0, ""): table}, {(0, ""): "mean"}) for table in (right, wrong)]
        >>> found = paired_difference(*pools, Scoring("uar", "subject", single=True))
        >>> found.value, found.p_permutation, found.subjects
        (0.5, 0.03125, 12)
    """
    a, b = a.shared_with(b), b.shared_with(a)
    if not a.tables:
        return None
    left, right = a.by_seed(scoring), b.by_seed(scoring)
    people = subjects_of(list(left.values()))
    s = len(people)
    score = seed_scores([[left[k], right[k]] for k in left], people, scoring)

    def weighted(w: FloatArray) -> FloatArray:
        zero = np.zeros_like(w)
        return score(np.hstack([w, zero])) - score(np.hstack([zero, w]))

    def swapped(w: FloatArray) -> FloatArray:
        values: FloatArray = (score(np.hstack([1 - w, w])) - score(np.hstack([w, 1 - w]))).mean(axis=0)
        return values

    own = _own_scores(list(left.values()), people, scoring) - _own_scores(list(right.values()), people, scoring)
    blocks = [a.units(cell, scoring).value(scoring) - b.units(cell, scoring).value(scoring) for cell in a.tables]
    strata = strata_of(list(left.values()), people, single=scoring.single)
    return PairedDifference(
        value=float(weighted(np.ones((1, s))).mean()),
        interval=cluster_interval(weighted, strata, draws=draws, rng=seed, confidence=confidence, bounds=(-1.0, 1.0)),
        p_permutation=swap_test(swapped, s, draws=5 * draws, rng=seed),
        p_ttest=corrected_t_test(blocks, test_share) if test_share else math.nan,
        p_wilcoxon=signed_rank_test(own),
        effect=paired_effect(own),
        subjects=s,
        seeds=tuple(left),
        by_seed=tuple(left[k].value(scoring) - right[k].value(scoring) for k in left),
    )


def strata_of(every: Sequence[Units], subjects: Sequence[str], *, single: bool) -> npt.NDArray[np.intp]:
    """Return the stratum of each subject, (S,): its class where each has one, else all are one stratum.

    Args:
        every: units of all seeds.
        subjects: S names.
        single: whether each has one true class.
    """
    if not single:
        return np.zeros(len(subjects), dtype=np.intp)
    classes = {name: k for units in every for name, k in zip(units.subjects, units.classes, strict=True)}
    return np.array([classes[name] for name in subjects], dtype=np.intp)


def _own_scores(every: Sequence[Units], subjects: Sequence[str], scoring: Scoring) -> FloatArray:
    """Return the metric of each subject's own units, as a mean over the seeds that tested it; NaN where undefined."""
    own = np.full((len(every), len(subjects)), np.nan)
    place = {name: i for i, name in enumerate(subjects)}
    for row, units in zip(own, every, strict=True):
        row[[place[name] for name in units.subjects]] = units.own(scoring)
    there = ~np.isnan(own)
    total = np.where(there, own, 0.0).sum(axis=0)
    result: FloatArray = np.divide(
        total, there.sum(axis=0), out=np.full(len(subjects), np.nan), where=there.any(axis=0)
    )
    return result
