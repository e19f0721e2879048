"""What a table of audio shares with others: speakers, recordings, stretches of a file, content, sound, and prompts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.data.pieces import one_row_a_piece

__all__ = ["MEASURES", "Sounds", "has_overlaps"]

TOLERANCE = 1e-6  # s; slices that only touch do not overlap

Mask = npt.NDArray[np.bool_]
Found = tuple[Mask, npt.NDArray[np.object_]]


@dataclass(frozen=True)
class Sounds:
    """Which files are the same, and which sound the same.

    Args:
        hashes: path -> content hash; files without one are not compared by content.
        copies: path -> paths of other content that sound alike (see `near_copies`).

    Example:
        >>> Sounds({"a.wav": "3f"}).copies
        {}
    """

    hashes: Mapping[str, str]
    copies: Mapping[str, Collection[str]] = field(default_factory=dict)


Measure = Callable[[str, pd.DataFrame, Mapping[str, pd.DataFrame], Sounds], Found]
"""(corpus, its pieces, pieces of other parts by corpus, sounds) -> which pieces are shared, and the names of all."""


def has_overlaps(table: pd.DataFrame) -> bool:
    """Say whether any two slices hold the same stretch of a file.

    Args:
        table: slice table.

    Example:
        >>> has_overlaps(pd.DataFrame({"path": ["a", "a"], "start": [0.0, 7.5], "end": [10.0, 17.5]}))
        True
    """
    ordered = one_row_a_piece(table).sort_values(["path", "start"])
    paths, starts, ends = (ordered[column].to_numpy() for column in ("path", "start", "end"))
    return bool(((paths[1:] == paths[:-1]) & (starts[1:] < ends[:-1] - TOLERANCE)).any())


def _within(column: str) -> Measure:
    """Return the measure of values shared with the same corpus; unknown ('') values are not compared."""

    def measure(corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], sounds: Sounds) -> Found:
        names = table[column].to_numpy(dtype=object)
        seen = set(others[corpus][column]) - {""} if corpus in others else set()
        return np.array([name in seen for name in names], dtype=bool), names

    return measure


def _by_content(corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], sounds: Sounds) -> Found:
    """Measure pieces of files whose content is that of a file of any corpus."""
    hashes = sounds.hashes
    seen = {hashes[path] for other in others.values() for path in set(other["path"]) if path in hashes}
    paths = table["path"].to_numpy(dtype=object)
    return np.array([hashes.get(path) in seen for path in paths], dtype=bool), paths


def _by_sound(corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], sounds: Sounds) -> Found:
    """Measure pieces of files that sound like a file of any corpus, without being the same."""
    seen = {path for other in others.values() for path in other["path"]}
    paths = table["path"].to_numpy(dtype=object)
    leaking = {path for path in set(paths) if not seen.isdisjoint(sounds.copies.get(path, ()))}
    return np.array([path in leaking for path in paths], dtype=bool), paths


def _by_extent(corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], sounds: Sounds) -> Found:
    """Measure pieces whose extent overlaps that of another piece of the same file."""
    paths = table["path"].to_numpy(dtype=object)
    leaks = np.zeros(len(table), dtype=bool)
    columns = ["path", "start", "end"]
    heard = [other[columns] for other in others.values() if len(other)]
    seen = pd.concat(heard) if heard else table[columns].iloc[:0]
    starts, ends = table["start"].to_numpy(dtype=float), table["end"].to_numpy(dtype=float)
    rows_of = pd.Series(np.arange(len(table))).groupby(paths).indices
    for path, group in seen[seen["path"].isin(list(rows_of))].groupby("path"):
        rows = rows_of[path]
        begun = group["start"].to_numpy(dtype=float)[None, :] < ends[rows, None] - TOLERANCE  # (pieces here, there)
        lasting = group["end"].to_numpy(dtype=float)[None, :] > starts[rows, None] + TOLERANCE
        leaks[rows] = (begun & lasting).any(axis=1)
    return leaks, paths


MEASURES: dict[str, Measure] = {
    "speaker": _within("speaker"),
    "recording": _within("recording"),
    "slice": _by_extent,
    "audio": _by_content,
    "copy": _by_sound,
    "text": _within("text"),
}
