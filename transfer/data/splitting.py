"""How parts are made: by speaker, session, text or clip, one left out, by folds, or as the corpus says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd

from transfer.data.corpus import some
from transfer.data.draws import Wish, deal_folds, draw_parts, own_labels
from transfer.data.overlaps import has_overlaps
from transfer.data.split import PARTS, Split
from transfer.errors import SplitError, did_you_mean

__all__ = ["PART_NAMES", "SPLITS", "count_by", "fold_names", "split_slices", "units"]

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "devel", "development"), "valid"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""What corpora call their parts, in lower case -> part."""

Parts = tuple[pd.Series, tuple[str, ...]]


def split_slices(
    table: pd.DataFrame,
    *,
    by: str = "speaker",
    valid: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    accept: Collection[str] = (),
    corpus: str = "",
    **folds: Any,
) -> Split:
    """Make training, validation and test parts.

    `speaker`, `session`, `text`: no speaker (session, prompt) in two parts; where they have a label of their own (a
    diagnosis), stratified by it, with at least one of each label in each part if there are enough, whatever the shares.
    `loso`, and `session` with a `fold`: the speaker (session) of that number or name is the test. `kfold`: speakers are
    dealt to folds, stratified likewise, and one fold is the test. Both draw validation from the speakers that are
    left: a share of them, or one of `inner_folds`. `official`, `column`: as a column of the corpus says (`split`, or
    the one named); if that has no validation part, one is drawn from the training speakers. `clip`: slice by slice,
    stratified by label; this is the protocol of the laboratory notes and leaks speakers and recordings, so it must be
    accepted by name. If a part lacks a class, up to 200 draws look for a better one; what is still lacking in
    validation or test is noted, and in training refused.

    Args:
        table: slice table (columns speaker, recording, label, path, start, end, and those that the split goes by).
        by: name of the split.
        valid: share of the speakers (sessions, texts, slices) for validation; 0 for none.
        test: share for the test; 0 for none; of no effect where a fold or a column says the test.
        seed: of the draw.
        accept: leakages accepted by name.
        corpus: name of the corpus, for messages.
        folds: `fold`, `folds`, `inner_folds`, `inner_fold` and `column` (see `Wish`).

    Raises:
        SplitError: if there are too few units, units are unknown, or a leak was not accepted.

    Example:
        >>> table = pd.DataFrame({"speaker": list("aabbcc"), "label": ["x", "y"] * 3, "recording": list("123456")})
        >>> [len(split_slices(table).speakers(part)) for part in ("train", "valid", "test")]
        [1, 1, 1]
        >>> split_slices(table, by="loso", fold="b").speakers("test")
        ('b',)
    """
    if by not in SPLITS:
        raise SplitError(f"split.by: no split named {by!r}; {did_you_mean(by, SPLITS)}")
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
        raise SplitError(
            f"split: valid {valid} and test {test} leave nothing to train on; expected shares with a sum below 1"
        )
    wish = Wish(valid, test, seed, corpus, **folds)
    parts, notes = SPLITS[by](table, wish, accept)
    return Split(table, parts, by=by, accept=accept, notes=(*notes, *_lacking(table, parts, wish)))


def _lacking(table: pd.DataFrame, parts: pd.Series, wish: Wish) -> tuple[str, ...]:
    """Refuse parts without training slices, and note the classes that training lacks."""
    if not (parts == "train").any():
        raise SplitError(f"{wish.named()}no slice is left for training; name a train part, or lower valid and test")
    lacking = sorted(set(table["label"]) - set(table.loc[parts == "train", "label"]))
    return (f"training has no {', '.join(lacking)}: no clip of that class can be learned",) if lacking else ()


def fold_names(table: pd.DataFrame, *, by: str, folds: int = 5, corpus: str = "") -> tuple[int | str, ...]:
    """Return the values of `fold` that together test every slice once.

    Args:
        table: slice table.
        by: 'loso', 'session' or 'kfold'.
        folds: number of folds (kfold).
        corpus: name of the corpus, for messages.

    Raises:
        SplitError: if the split has no folds, or its units are unknown.

    Example:
        >>> fold_names(pd.DataFrame({"speaker": ["m1", "f1"], "label": ["x", "x"]}), by="loso")
        ('f1', 'm1')
    """
    if by == "kfold":
        return tuple(range(folds))
    if by not in FOLD_UNITS:
        raise SplitError(f"split.by: {by} has no folds; expected one of {', '.join(sorted((*FOLD_UNITS, 'kfold')))}")
    return units(table, FOLD_UNITS[by], corpus)


def units(table: pd.DataFrame, column: str, corpus: str = "") -> tuple[str, ...]:
    """Return the speakers, sessions or texts of a slice table, sorted; raise where one is unknown."""
    return tuple(map(str, count_by(table, column, Wish(0, 0, 0, corpus).named()).index))


def count_by(table: pd.DataFrame, column: str, named: str) -> pd.DataFrame:
    """Count slices by unit (row) and label (column); raise if a unit is unknown or there is no slice."""
    if column not in table:
        raise SplitError(f"{named}it does not tell the {column}; name it in a manifest (column {column})")
    unknown = int((table[column] == "").sum())
    if unknown or not len(table):
        reason = f"the {column} of {unknown} of {len(table)} slices is unknown" if unknown else "there are no slices"
        raise SplitError(
            f"{named}{reason}, so that parts cannot be kept {column}-disjoint; name the {column}s in a manifest "
            f"(column {column}), or accept the leak: split.by: clip with {_accept_line(table)}"
        )
    counts: pd.DataFrame = pd.crosstab(table[column], table["label"])
    return counts


def _by_units(column: str) -> Splitter:
    """Return the splitter that draws parts which share no unit."""

    def split(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
        counts = count_by(table, column, wish.named())
        wanted = [part for part, share in zip(PARTS, (1, wish.valid, wish.test), strict=True) if share]
        if len(counts) < len(wanted):
            fewer = "lower split.valid to 0 (then 2 do), " if len(counts) == 2 and wish.valid and wish.test else ""
            counted = f"{len(counts)} {column}{'s' if len(counts) > 1 else ''} ({some(counts.index)})"
            raise SplitError(
                f"{wish.named()}{counted}, but {column}-disjoint parts {', '.join(wanted)} need at least {len(wanted)}; "
                f"use a corpus with more {column}s, {fewer}or accept the leak: split.by: clip with {_accept_line(table)}"
            )
        found, notes = draw_parts(counts > 0, own_labels(counts), wish)
        return table[column].map(dict(zip(counts.index, found, strict=True))), notes

    return split


def _leaving_one_out(column: str) -> Splitter:
    """Return the splitter whose test is one unit."""

    def split(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
        names = units(table, column, wish.corpus)
        fold = wish.fold
        if isinstance(fold, int) and not isinstance(fold, bool) and 0 <= fold < len(names):
            fold = names[fold]
        if fold not in names:
            what = f"a number from 0 to {len(names) - 1}, or the name of a {column} in quotes ({some(names)})"
            raise SplitError(f"{wish.named()}split.fold is {wish.fold!r}; expected {what}")
        return _nested(table, table[column] == fold, column, wish)

    return split


def _by_session(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
    """Leave one session out if a fold is named, or draw sessions by shares."""
    make = _by_units if wish.fold is None else _leaving_one_out
    return make("session")(table, wish, accept)


def _by_fold(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
    """Deal speakers to folds, one of which is the test."""
    counts = count_by(table, "speaker", wish.named())
    if not 2 <= wish.folds <= len(counts):
        raise SplitError(
            f"{wish.named()}split.folds is {wish.folds}, but {len(counts)} speakers make 2 to {len(counts)} folds"
        )
    if not isinstance(wish.fold, int) or isinstance(wish.fold, bool) or not 0 <= wish.fold < wish.folds:
        raise SplitError(
            f"{wish.named()}split.fold is {wish.fold!r}; expected the number of a fold, 0 to {wish.folds - 1}"
        )
    dealt = deal_folds(counts > 0, own_labels(counts), wish.folds, wish.seed)
    return _nested(table, table["speaker"].isin(counts.index[dealt == wish.fold]), "speaker", wish)


def _nested(table: pd.DataFrame, held: pd.Series, column: str, wish: Wish) -> Parts:
    """Make the test of what is held out, and draw validation from the units that are left."""
    parts = pd.Series(np.where(held, "test", "train"), index=table.index, dtype=object)
    rest = table[~held]
    lacking = sorted(set(table["label"]) - set(table.loc[held, "label"]))
    notes: tuple[str, ...] = (f"test has no {', '.join(map(str, lacking))}",) if lacking else ()
    if not rest.empty and wish.inner_folds:
        counts = count_by(rest, column, wish.named())
        if not 2 <= wish.inner_folds <= len(counts) or not 0 <= wish.inner_fold < wish.inner_folds:
            raise SplitError(
                f"{wish.named()}split.inner_fold {wish.inner_fold} of {wish.inner_folds}: the test leaves {len(counts)} "
                f"{column}s, which make 2 to {len(counts)} folds, numbered from 0"
            )
        dealt = deal_folds(counts > 0, own_labels(counts), wish.inner_folds, wish.seed)
        parts[rest.index[rest[column].isin(counts.index[dealt == wish.inner_fold])]] = "valid"
        return parts, notes
    drawn, more = _by_units(column)(rest, Wish(wish.valid, 0.0, wish.seed, wish.corpus), ())
    parts[rest.index] = drawn
    return parts, (*notes, *more)


def _by_column(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
    """Take the parts from a column."""
    if not wish.column:
        raise SplitError(f"{wish.named()}split.by: column needs split.column, the column that says the parts")
    if wish.column not in table:
        raise SplitError(
            f"{wish.named()}there is no column {wish.column!r}; {did_you_mean(wish.column, table.columns)}"
        )
    parts = table[wish.column].map(lambda word: PART_NAMES.get(str(word).strip().casefold(), ""))
    strange = sorted({str(word) for word in table.loc[parts == "", wish.column]})
    if strange:
        raise SplitError(
            f"{wish.named()}column {wish.column!r} says {some(map(repr, strange))} of {int((parts == '').sum())} slices; "
            f"expected train, valid (dev) or test for each"
        )
    if not (parts == "test").any() and wish.test:
        raise SplitError(f"{wish.named()}column {wish.column!r} names no test part; use split.by: speaker")
    if (parts == "valid").any() or not wish.valid:
        return parts, ()
    found, notes = _nested(table, parts == "test", "speaker", wish)
    return found, (f"column {wish.column!r} has no validation part: one was drawn from training speakers", *notes)


def _official(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
    """Take the parts that the corpus was published with."""
    if "split" not in table:
        raise SplitError(f"{wish.named()}it comes with no official split; use split.by: speaker")
    return _by_column(table, Wish(wish.valid, wish.test, wish.seed, wish.corpus, column="split"), accept)


def _by_clip(table: pd.DataFrame, wish: Wish, accept: Collection[str]) -> Parts:
    """Draw slice by slice, stratified by label."""
    if not {"speaker", "recording"} <= set(accept):
        raise SplitError(
            f"{wish.named()}split.by: clip puts slices of one speaker and of one recording on both sides, so that its "
            f"scores are inflated; use split.by: speaker, or accept it in the recipe by the line {_accept_line(table)}"
        )
    present = pd.get_dummies(table["label"], dtype=bool)
    if len(present) < len(PARTS):
        raise SplitError(f"{wish.named()}{len(present)} slices cannot be split into {', '.join(PARTS)}")
    found, notes = draw_parts(present, table["label"], wish)
    return pd.Series(found, index=table.index), notes


def _accept_line(table: pd.DataFrame) -> str:
    """Return the line of a recipe that accepts what a split by clip leaks."""
    windows = "slice, " if {"path", "start", "end"} <= set(table) and has_overlaps(table) else ""
    return f"split.accept_leakage: [speaker, recording, {windows}audio]"


Splitter = Callable[[pd.DataFrame, Wish, Collection[str]], Parts]

FOLD_UNITS = {"loso": "speaker", "session": "session"}

SPLITS: dict[str, Splitter] = {
    "speaker": _by_units("speaker"),
    "loso": _leaving_one_out("speaker"),
    "session": _by_session,
    "text": _by_units("text"),
    "kfold": _by_fold,
    "official": _official,
    "column": _by_column,
    "clip": _by_clip,
}
