"""Parts of a slice table, in an object that cannot hold a speaker in two of them unnoticed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from transfer.data.corpus import some
from transfer.data.leakage import check_accepted
from transfer.errors import SplitError, did_you_mean

__all__ = ["PARTS", "Split"]

PARTS = ("train", "valid", "test")


class Split:
    """The part of each slice, checked when it is made and immutable afterwards.

    Args:
        table: slice table.
        parts: 'train', 'valid' or 'test' for each row of the table.
        by: how the parts were made, for the record.
        accept: leakages accepted by name; without 'speaker' and 'recording' no two parts share one.
        notes: what the reader of the results should know about the parts.

    Raises:
        SplitError: if parts share a speaker or a recording, or a speaker is unknown, and that was not accepted.

    Example:
        >>> table = pd.DataFrame({"speaker": ["f1", "f1"], "recording": ["a", "b"], "label": ["x", "y"]})
        >>> Split(table, pd.Series(["train", "test"]), by="hand")
        Traceback (most recent call last):
        ...
        transfer.errors.SplitError: 1 speaker stands in more than one part: f1 (test, train); split by speaker, or
        accept it by name: split.accept_leakage: [speaker]
    """

    __slots__ = ("_parts", "_table", "accept", "by", "notes")

    _parts: pd.Series
    _table: pd.DataFrame
    accept: tuple[str, ...]
    by: str
    notes: tuple[str, ...]

    def __init__(
        self,
        table: pd.DataFrame,
        parts: pd.Series,
        *,
        by: str,
        accept: Collection[str] = (),
        notes: Collection[str] = (),
    ) -> None:
        check_accepted(accept)
        _check_parts(table, parts)
        if "speaker" not in accept:
            _refuse_unknown_speakers(table, parts)
        for column in ("speaker", "recording"):
            if column not in accept:
                _refuse_shared(table, parts, column)
        fields = {
            "_parts": parts.astype(object).rename("part"),
            "_table": table[["speaker", "recording", "label"]].copy(),
            "accept": tuple(accept),
            "by": by,
            "notes": tuple(notes),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Split is immutable; make a new one to change {name!r}")

    @property
    def parts(self) -> pd.Series:
        """The part of each slice (a copy), indexed as the slice table."""
        parts: pd.Series = self._parts.copy()
        return parts

    def rows(self, part: str) -> pd.Index:
        """Return the rows of the slice table that are in a part.

        Args:
            part: 'train', 'valid' or 'test'.

        Raises:
            SplitError: for another name.

        Example:
            >>> table = pd.DataFrame({"speaker": ["f1", "f2"], "recording": ["a", "b"], "label": ["x", "y"]})
            >>> Split(table, pd.Series(["train", "test"]), by="hand").rows("test").to_list()
            [1]
        """
        if part not in PARTS:
            raise SplitError(f"no part named {part!r}; {did_you_mean(part, PARTS)}")
        rows: pd.Index = self._parts.index[self._parts == part]
        return rows

    def speakers(self, part: str) -> tuple[str, ...]:
        """Return the speakers of a part, sorted.

        Args:
            part: 'train', 'valid' or 'test'.
        """
        return tuple(sorted(set(self._table.loc[self.rows(part), "speaker"])))

    def record(self) -> dict[str, Any]:
        """Return counts for tracking, without names of speakers or recordings.

        Example:
            >>> table = pd.DataFrame({"speaker": ["f1", "f2"], "recording": ["a", "b"], "label": ["x", "y"]})
            >>> Split(table, pd.Series(["train", "test"]), by="hand").record()["parts"]["test"]
            {'slices': 1, 'recordings': 1, 'speakers': 1, 'labels': {'y': 1}}
        """
        counts = {part: _count(self._table.loc[self.rows(part)]) for part in PARTS}
        return {"by": self.by, "accept": list(self.accept), "notes": list(self.notes), "parts": counts}


def _count(table: pd.DataFrame) -> dict[str, Any]:
    """Count what a part holds."""
    return {
        "slices": len(table),
        "recordings": int(table["recording"].nunique()),
        "speakers": int(table["speaker"].nunique()),
        "labels": {str(label): int((table["label"] == label).sum()) for label in sorted(set(table["label"]))},
    }


def _check_parts(table: pd.DataFrame, parts: pd.Series) -> None:
    """Raise if the parts are not one known part for each row."""
    if not parts.index.equals(table.index) or not table.index.is_unique:
        raise SplitError(f"{len(parts)} parts for {len(table)} slices; expected one for each row, with the same index")
    strange = sorted({str(part) for part in parts} - set(PARTS))
    if strange:
        raise SplitError(f"no part named {strange[0]!r}; {did_you_mean(strange[0], PARTS)}")


def _refuse_unknown_speakers(table: pd.DataFrame, parts: pd.Series) -> None:
    """Raise if it cannot be told whether parts share a speaker."""
    unknown = int((table["speaker"] == "").sum())
    if unknown and parts.nunique() > 1:
        raise SplitError(
            f"{unknown} of {len(table)} slices have no known speaker, so that parts cannot be kept speaker-disjoint; "
            "name the speakers in a manifest (column speaker), or accept it by name: split.accept_leakage: [speaker]"
        )


def _refuse_shared(table: pd.DataFrame, parts: pd.Series, column: str) -> None:
    """Raise if a value of a column stands in more than one part."""
    held = parts.groupby(table[column]).unique()
    shared = held[(held.map(len) > 1) & (held.index != "")]
    if len(shared):
        named = some(f"{value} ({', '.join(sorted(found))})" for value, found in shared.items())
        several = f"{len(shared)} {column}s stand" if len(shared) > 1 else f"1 {column} stands"
        raise SplitError(
            f"{several} in more than one part: {named}; split by speaker, "
            f"or accept it by name: split.accept_leakage: [{column}]"
        )
