"""Random assignment of units (speakers, sessions, slices) to parts and folds, with the same share of every stratum.

scikit-learn's StratifiedGroupKFold gave the same folds for every seed on a corpus of ten speakers, which hides the
spread over splits; these draws differ by seed, because they stop at the first draw that has every class instead of
searching for the one that is stratified best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.data.corpus import some
from transfer.data.split import PARTS
from transfer.errors import SplitError

__all__ = ["Wish", "deal_folds", "draw_parts", "own_labels"]

REDRAWS = 200
DOMINANCE = 0.9
"""Share of a speaker's slices from which on one label is the speaker's own, as a diagnosis is."""

Order = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Wish:
    """What a split should be like.

    Args:
        valid: share of the units for validation; of those that the test leaves, where a fold is the test.
        test: share for the test.
        seed: of the draw.
        corpus: name of the corpus, for messages.
        fold: the fold that is the test: its number, or the name of the unit left out.
        folds: number of folds.
        inner_folds: number of folds of what the test leaves; 0 draws a share for validation instead.
        inner_fold: the one that is validation.
        column: the column that says the parts.

    Example:
        >>> Wish(0.2, 0.2, 0, "emovo").named()
        "corpus 'emovo': "
    """

    valid: float
    test: float
    seed: int
    corpus: str = ""
    fold: int | str | None = None
    folds: int = 5
    inner_folds: int = 0
    inner_fold: int = 0
    column: str | None = None

    def named(self) -> str:
        """Name the corpus at the head of a message."""
        return f"corpus {self.corpus!r}: " if self.corpus else ""


def own_labels(counts: pd.DataFrame) -> pd.Series:
    """Return each unit's own label, or the empty text for all where units have no label of their own.

    Args:
        counts: slices by unit (row) and label (column).

    Example:
        >>> own_labels(pd.DataFrame({"HC": [9, 0], "MDD": [0, 7]}, index=["a", "b"])).to_list()
        ['HC', 'MDD']
    """
    dominant = counts.max(axis=1) / counts.sum(axis=1) >= DOMINANCE
    own = counts.idxmax(axis=1)
    return own if dominant.all() and own.nunique() > 1 else pd.Series("", index=counts.index)


def draw_parts(present: pd.DataFrame, strata: pd.Series, wish: Wish) -> tuple[npt.NDArray[np.object_], tuple[str, ...]]:
    """Draw parts until every part has every class; settle for the best of many draws.

    Args:
        present: whether a unit (row) has a label (column).
        strata: stratum of each unit.
        wish: shares and seed.

    Returns:
        The part of each unit, and notes on the classes that a part lacks.

    Raises:
        SplitError: if training lacks a class in every draw.
    """
    rng = np.random.default_rng(wish.seed)
    codes, seen, names = pd.factorize(strata)[0], present.to_numpy(), present.columns.to_numpy(dtype=object)
    draws = []
    for _ in range(REDRAWS):
        parts = _draw(codes, wish, rng)
        lacking = {part: list(names[~seen[parts == part].any(axis=0)]) for part in set(parts)}
        rank = (len(lacking["train"]), sum(map(len, lacking.values())))
        draws.append((rank, parts, lacking))
        if not any(rank):
            break
    _, parts, lacking = min(draws, key=lambda draw: draw[0])
    if lacking["train"]:
        raise SplitError(
            f"{wish.named()}no draw of {REDRAWS} gives training every class; the best lacks {some(lacking['train'])}; "
            "lower split.valid or split.test"
        )
    return parts, tuple(f"{part} has no {', '.join(lacking[part])}" for part in PARTS if lacking.get(part))


def deal_folds(present: pd.DataFrame, strata: pd.Series, folds: int, seed: int) -> Order:
    """Deal units to folds, as to players: no two folds differ by more than one unit, of any stratum or in all.

    If a fold lacks a class, up to 200 draws look for a better one.

    Args:
        present: whether a unit (row) has a label (column).
        strata: stratum of each unit.
        folds: their number.
        seed: of the draw.

    Example:
        >>> present = pd.DataFrame({"x": [True] * 6})
        >>> sorted(deal_folds(present, pd.Series([""] * 6), 3, 0).tolist())
        [0, 0, 1, 1, 2, 2]
    """
    rng = np.random.default_rng(seed)
    codes, seen = pd.factorize(strata)[0], present.to_numpy()
    best, least = np.empty(0, np.intp), np.inf
    for _ in range(REDRAWS):
        order = rng.permutation(len(codes))
        order = order[np.argsort(rng.permutation(codes.max() + 1)[codes[order]], kind="stable")]
        dealt = np.empty(len(codes), dtype=np.intp)
        dealt[order] = rng.permutation(folds)[np.arange(len(codes)) % folds]
        lacking = sum(int((~seen[dealt == fold].any(axis=0)).sum()) for fold in range(folds))
        if lacking < least:
            best, least = dealt, lacking
        if not lacking:
            break
    return best


def _draw(codes: Order, wish: Wish, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Draw the part of each unit once, each part with its share of every stratum."""
    n = len(codes)
    order = rng.permutation(n)
    strata = rng.permutation(codes.max() + 1)
    order = order[np.argsort(strata[codes[order]], kind="stable")]
    valid, test = _sizes(codes, wish)
    parts = np.full(n, "train", dtype=object)
    for part, size in (("test", test), ("valid", valid)):
        at = _systematic(len(order), size, rng)
        parts[order[at]] = part
        order = np.delete(order, at)
    return parts


def _systematic(n: int, size: int, rng: np.random.Generator) -> Order:
    """Pick positions at equal steps from a random start: of an ordered list, each stratum gives its share."""
    return np.floor((np.arange(size) + rng.random()) * n / max(size, 1)).astype(np.intp)


def _sizes(codes: Order, wish: Wish) -> tuple[int, int]:
    """Return how many units go to validation and test: each part holds one of each stratum, or one where that fails."""
    strata = np.bincount(codes)
    n, parts = len(codes), 1 + bool(wish.valid) + bool(wish.test)
    least = len(strata) if strata.min() >= parts else 1
    valid, test = (max(least, round(share * n)) if share else 0 for share in (wish.valid, wish.test))
    while valid + test > n - least:
        valid, test = (valid - 1, test) if valid >= test else (valid, test - 1)
    return valid, test
