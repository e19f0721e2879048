"""Which of many systems can be told apart: mean ranks over blocks and the difference that they must exceed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["critical_difference"]


def critical_difference(scores: Mapping[str, Sequence[float]], *, alpha: float = 0.05) -> dict[str, Any]:
    """Rank systems in every block, and return which mean ranks differ by more than chance (Friedman, then Nemenyi).

    CD = q_alpha(k) sqrt(k (k + 1) / (6 N)),  q_alpha(k) = studentised range of k systems, infinite df, over sqrt 2

    In each of N blocks the best of k systems has rank 1, equals share their ranks. Two systems whose mean ranks differ
    by less than CD are not told apart. Demsar, JMLR 2006; Nemenyi 1963.

    Args:
        scores: system -> one score a block, higher is better, blocks in the same order.
        alpha: chance of a false find among all pairs.

    Returns:
        `cd`; `ranks` (system -> mean rank, best first); `groups`, the largest sets of neighbours not told apart (a
        system that differs from all others stands in none); `friedman_p`, whether any differs; `blocks`.

    Raises:
        ValueError: fewer than three systems, fewer than two blocks, blocks of unequal number, or a score that is none.

    Example:
        >>> found = critical_difference({"a": [0.9, 0.8, 0.9, 0.8], "b": [0.7] * 4, "c": [0.5] * 4})
        >>> found["ranks"], round(found["cd"], 2), found["groups"]
        ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 1.66, [['a', 'b'], ['b', 'c']])
    """
    table = _table(scores)
    k, n = table.shape
    ranks = stats.rankdata(-np.round(table, 12), axis=0).mean(axis=1)
    cd = float(stats.studentized_range.ppf(1 - alpha, k, np.inf)) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n))
    order = np.argsort(ranks, kind="stable")
    names = [list(scores)[i] for i in order]
    alike = bool(np.ptp(np.round(table, 12), axis=0).max() == 0)
    return {
        "cd": cd,
        "ranks": {name: float(rank) for name, rank in zip(names, ranks[order], strict=True)},
        "groups": _groups(names, ranks[order], cd),
        "friedman_p": 1.0 if alike else float(stats.friedmanchisquare(*np.round(table, 12)).pvalue),
        "blocks": n,
    }


def _table(scores: Mapping[str, Sequence[float]]) -> npt.NDArray[np.float64]:
    """Return scores as (k systems, N blocks), or refuse them."""
    lengths = {len(row) for row in scores.values()}
    if len(scores) < 3 or len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(
            f"got {len(scores)} systems with {sorted(lengths)} blocks; expected three or more systems, "
            "each with a score in the same two or more blocks"
        )
    table = np.array([list(row) for row in scores.values()], dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError("a score is not a number; leave out the blocks in which a system has none")
    return table


def _groups(names: Sequence[str], ranks: npt.NDArray[np.float64], cd: float) -> list[list[str]]:
    """Return the largest runs of neighbours whose ranks lie within the critical difference."""
    groups: list[list[str]] = []
    reached = 0
    for first in range(len(names)):
        last = int(np.searchsorted(ranks, ranks[first] + cd, side="right"))
        if last - first > 1 and last > reached:
            groups.append(list(names[first:last]))
        reached = max(reached, last)
    return groups
