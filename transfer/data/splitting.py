"""How parts are drawn: by speaker, by clip as the laboratory notes did, and by a few labelled speakers.

scikit-learn's StratifiedGroupKFold gave the same folds for every seed on a corpus of ten speakers, which hides the
spread over splits; these draws differ by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.data.corpus import some
from transfer.data.leakage import has_overlaps
from transfer.data.split import PARTS, Split
from transfer.errors import SplitError, did_you_mean

__all__ = ["SPLITS", "few_shot_split", "split_slices"]

REDRAWS = 200
DOMINANCE = 0.9
"""Share of a speaker's slices from which on one label is the speaker's own, as a diagnosis is."""

Order = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Wish:
    """What a split should be like."""

    valid: float
    test: float
    seed: int
    corpus: str

    def named(self) -> str:
        """Name the corpus at the head of a message."""
        return f"corpus {self.corpus!r}: " if self.corpus else ""


def split_slices(
    table: pd.DataFrame,
    *,
    by: str = "speaker",
    valid: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    accept: Collection[str] = (),
    corpus: str = "",
) -> Split:
    """Draw training, validation and test parts.

    `speaker`: no speaker in two parts; where speakers have a label of their own (a diagnosis), stratified by it, with
    at least one speaker of each label in each part if there are enough, whatever the shares.
    `clip`: slice by slice, stratified by label. This is the protocol of the laboratory notes and leaks speakers and
    recordings, so it must be accepted by name. If a part lacks a class, up to 200 draws look for a better one; what is
    still lacking in validation or test is noted, and in training refused.

    Args:
        table: slice table (columns speaker, recording, label, path, start, end).
        by: 'speaker' or 'clip'.
        valid: share of the speakers (slices) for validation; 0 for none.
        test: share for the test; 0 for none.
        seed: of the draw.
        accept: leakages accepted by name.
        corpus: name of the corpus, for messages.

    Raises:
        SplitError: if there are too few speakers, speakers are unknown, or a leak was not accepted.

    Example:
        >>> table = pd.DataFrame({"speaker": list("aabbcc"), "label": ["x", "y"] * 3, "recording": list("123456")})
        >>> [len(split_slices(table).speakers(part)) for part in ("train", "valid", "test")]
        [1, 1, 1]
    """
    if by not in SPLITS:
        raise SplitError(f"split.by: no split named {by!r}; {did_you_mean(by, SPLITS)}")
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
        raise SplitError(
            f"split: valid {valid} and test {test} leave nothing to train on; expected shares with a sum below 1"
        )
    parts, notes = SPLITS[by](table, _Wish(valid, test, seed, corpus), accept)
    return Split(table, parts, by=by, accept=accept, notes=notes)


def few_shot_split(table: pd.DataFrame, *, labelled: int | Sequence[str], seed: int = 0, corpus: str = "") -> Split:
    """Give a few speakers to training and all others to the test.

    Speakers are drawn so that those of a smaller number are among those of a larger one, and that every class is
    covered as early as may be.

    Args:
        table: slice table (columns speaker, recording, label).
        labelled: how many speakers are labelled, or which; 0 leaves all to the test.
        seed: of the draw.
        corpus: name of the corpus, for messages.

    Raises:
        SplitError: if no speaker is left for the test, or a named speaker is not there.

    Example:
        >>> table = pd.DataFrame({"speaker": ["f1", "f2", "m1"], "label": ["x"] * 3, "recording": list("123")})
        >>> few_shot_split(table, labelled=["m1"]).speakers("test")
        ('f1', 'f2')
    """
    named = _Wish(0, 0, seed, corpus).named()
    if isinstance(labelled, str):
        raise SplitError(
            f"{named}labelled speakers must be a number or a list, got the text {labelled!r}; expected [{labelled}]"
        )
    present = _count_by_speaker(table, named) > 0
    chosen = _drawn(present, labelled, seed, named) if isinstance(labelled, int) else _named(present, labelled, named)
    if len(chosen) >= len(present):
        raise SplitError(
            f"{named}{len(chosen)} labelled speakers of {len(present)} leave none for the test; "
            f"label {len(present) - 1} at most"
        )
    parts = pd.Series(np.where(table["speaker"].isin(chosen), "train", "test"), index=table.index)
    lacking = present.columns[~present.loc[chosen].any()] if chosen else []
    notes = (f"the labelled speakers have no {', '.join(map(str, lacking))}",) if len(lacking) else ()
    return Split(table, parts, by="labelled_speakers", notes=notes)


def _by_speaker(table: pd.DataFrame, wish: _Wish, accept: Collection[str]) -> tuple[pd.Series, tuple[str, ...]]:
    """Draw speaker-disjoint parts."""
    counts = _count_by_speaker(table, wish.named())
    present = counts > 0
    wanted = [part for part, share in zip(PARTS, (1, wish.valid, wish.test), strict=True) if share]
    if len(present) < len(wanted):
        fewer = "lower split.valid to 0 (then 2 do), " if len(present) == 2 and wish.valid and wish.test else ""
        counted = f"{len(present)} speaker{'s' if len(present) > 1 else ''} ({some(present.index)})"
        raise SplitError(
            f"{wish.named()}{counted}, but speaker-disjoint parts {', '.join(wanted)} need at least {len(wanted)}; "
            f"use a corpus with more speakers, {fewer}or accept the leak: split.by: clip with {_accept_line(table)}"
        )
    found, notes = _redraw(present, _own_labels(counts), wish)
    return table["speaker"].map(dict(zip(present.index, found, strict=True))), notes


def _by_clip(table: pd.DataFrame, wish: _Wish, accept: Collection[str]) -> tuple[pd.Series, tuple[str, ...]]:
    """Draw slice by slice, stratified by label."""
    if not {"speaker", "recording"} <= set(accept):
        raise SplitError(
            f"{wish.named()}split.by: clip puts slices of one speaker and of one recording on both sides, so that its "
            f"scores are inflated; use split.by: speaker, or accept it in the recipe by the line {_accept_line(table)}"
        )
    present = pd.get_dummies(table["label"], dtype=bool)
    if len(present) < len(PARTS):
        raise SplitError(f"{wish.named()}{len(present)} slices cannot be split into {', '.join(PARTS)}")
    found, notes = _redraw(present, table["label"], wish)
    return pd.Series(found, index=table.index), notes


Splitter = Callable[[pd.DataFrame, _Wish, Collection[str]], tuple[pd.Series, tuple[str, ...]]]

SPLITS: dict[str, Splitter] = {"speaker": _by_speaker, "clip": _by_clip}


def _accept_line(table: pd.DataFrame) -> str:
    """Return the line of a recipe that accepts what a split by clip leaks."""
    windows = "slice, " if {"path", "start", "end"} <= set(table) and has_overlaps(table) else ""
    return f"split.accept_leakage: [speaker, recording, {windows}audio]"


def _count_by_speaker(table: pd.DataFrame, named: str) -> pd.DataFrame:
    """Count slices by speaker (row) and label (column); raise if a speaker is unknown or there is no slice."""
    unknown = int((table["speaker"] == "").sum())
    if unknown or not len(table):
        reason = f"the speaker of {unknown} of {len(table)} slices is unknown" if unknown else "there are no slices"
        raise SplitError(
            f"{named}{reason}, so that parts cannot be kept speaker-disjoint; name the speakers in a manifest "
            f"(column speaker), or accept the leak: split.by: clip with {_accept_line(table)}"
        )
    counts: pd.DataFrame = pd.crosstab(table["speaker"], table["label"])
    return counts


def _own_labels(counts: pd.DataFrame) -> pd.Series:
    """Return each speaker's own label, or the empty text for all where speakers have no label of their own."""
    dominant = counts.max(axis=1) / counts.sum(axis=1) >= DOMINANCE
    own = counts.idxmax(axis=1)
    return own if dominant.all() and own.nunique() > 1 else pd.Series("", index=counts.index)


def _redraw(present: pd.DataFrame, strata: pd.Series, wish: _Wish) -> tuple[npt.NDArray[np.object_], tuple[str, ...]]:
    """Draw until every part has every class; settle for the best of many draws."""
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


def _draw(codes: Order, wish: _Wish, rng: np.random.Generator) -> npt.NDArray[np.object_]:
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


def _sizes(codes: Order, wish: _Wish) -> tuple[int, int]:
    """Return how many units go to validation and test: each part holds one of each stratum, or one where that fails."""
    strata = np.bincount(codes)
    n, parts = len(codes), 1 + bool(wish.valid) + bool(wish.test)
    least = len(strata) if strata.min() >= parts else 1
    valid, test = (max(least, round(share * n)) if share else 0 for share in (wish.valid, wish.test))
    while valid + test > n - least:
        valid, test = (valid - 1, test) if valid >= test else (valid, test - 1)
    return valid, test


def _drawn(present: pd.DataFrame, count: int, seed: int, named: str) -> list[str]:
    """Draw labelled speakers: in turn, the one who brings most of the classes that were covered least so far."""
    if isinstance(count, bool) or count < 0:
        raise SplitError(f"{named}{count} labelled speakers cannot be; expected 0 or more")
    order = list(np.random.default_rng(seed).permutation(present.index.to_numpy(dtype=object)))
    covered = pd.Series(0, index=present.columns)
    chosen: list[str] = []
    while order and len(chosen) < count:
        least = covered.index[covered == covered.min()]
        gains = [int(present.loc[speaker, least].sum()) for speaker in order]
        speaker = order.pop(int(np.argmax(gains)))
        covered += present.loc[speaker].astype(int)
        chosen.append(str(speaker))
    return chosen


def _named(present: pd.DataFrame, labelled: Sequence[str], named: str) -> list[str]:
    """Return the labelled speakers, or raise if one is not there."""
    for speaker in labelled:
        if speaker not in present.index:
            raise SplitError(
                f"{named}no speaker {speaker!r}; {did_you_mean(str(speaker), [str(s) for s in present.index])}"
            )
    return list(dict.fromkeys(labelled))
