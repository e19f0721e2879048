"""What stands on both sides of a split, by speaker, recording, slice and audio content; refused unless accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.data.corpus import some
from transfer.errors import LeakageError, did_you_mean

__all__ = ["LEAKAGES", "Finding", "LeakageReport", "audit", "check_accepted", "check_leakage", "has_overlaps"]

LEAKAGES = ("speaker", "recording", "slice", "audio")
"""Kinds of leakage, by the names that a recipe accepts them under."""

TOLERANCE = 1e-6  # s; slices that only touch do not overlap
_AGAINST = {"valid": ("train",), "test": ("train", "valid")}

Parts = Mapping[tuple[str, str], pd.DataFrame]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """How much of one part stands in another.

    Args:
        kind: 'speaker', 'recording', 'slice' (overlapping extents of one file) or 'audio' (the same file content).
        part: the part that is looked at, as 'corpus/part'.
        against: the part of any corpus that it is compared with.
        count: slices of the part that leak.
        total: slices of the part.
        examples: the first speakers, recordings or files concerned.

    Example:
        >>> Finding("speaker", "emovo/test", "train", 14, 56, ("f1",)).share
        0.25
    """

    kind: str
    part: str
    against: str
    count: int
    total: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Share of the part's slices that leak."""
        return self.count / self.total if self.total else 0.0

    def counted(self) -> str:
        """Say it in a line that names no speaker and no file."""
        what = {"slice": "overlap one", "audio": "have the audio of a file"}.get(self.kind, f"have a {self.kind}")
        slices = f"{self.count} of {self.total} slices ({self.share:.1%}) of {self.part}"
        return f"{self.kind}: {slices} {what} in {self.against}"

    def __str__(self) -> str:
        """Say it in a line, with the first names concerned."""
        return f"{self.counted()} ({some(self.examples)})"


@dataclass(frozen=True)
class LeakageReport:
    """All that an audit looked at, leaking or not.

    Args:
        findings: one for each part, part compared with, and kind.

    Example:
        >>> LeakageReport((Finding("speaker", "emovo/test", "train", 14, 56, ("f1",)),)).record()
        {'emovo/test': {'train': {'speaker': {'count': 14, 'of': 56, 'share': 0.25}}}}
    """

    findings: tuple[Finding, ...]

    @property
    def found(self) -> tuple[Finding, ...]:
        """The findings that do leak."""
        return tuple(finding for finding in self.findings if finding.count)

    def record(self) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
        """Return counts and shares for tracking: part -> compared with -> kind, and no names of speakers or files."""
        record: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        for found in self.findings:
            kinds = record.setdefault(found.part, {}).setdefault(found.against, {})
            kinds[found.kind] = {"count": found.count, "of": found.total, "share": found.share}
        return record


def audit(parts: Parts, hashes: Mapping[str, str]) -> LeakageReport:
    """Measure what validation and test parts share with training, and test parts with validation, across all corpora.

    Speakers and recordings are compared within a corpus (two corpora may both call a speaker f1), extents by file, and
    content by hash over all corpora.

    Args:
        parts: slice tables by (corpus, part), where part is 'train', 'valid' or 'test'.
        hashes: path -> content hash (see `content_hashes`); files without one are not compared by content.

    Example:
        >>> row = {"speaker": "f1", "recording": "a.wav", "path": "/c/a.wav", "start": 0.0, "end": 2.0}
        >>> train, test = pd.DataFrame([row]), pd.DataFrame([{**row, "start": 2.0, "end": 4.0}])
        >>> report = audit({("own", "train"): train, ("own", "test"): test}, {"/c/a.wav": "3f"})
        >>> [finding.kind for finding in report.found]
        ['speaker', 'recording', 'audio']
    """
    findings = []
    for (corpus, part), table in parts.items():
        for against in _AGAINST.get(part, ()):
            others = {other: seen for (other, role), seen in parts.items() if role == against}
            for kind, measure in _MEASURES.items():
                leaks, names = measure(corpus, table, others, hashes)
                examples = tuple(sorted(set(names[leaks]))) if leaks.any() else ()
                findings.append(Finding(kind, f"{corpus}/{part}", against, int(leaks.sum()), len(table), examples))
    return LeakageReport(tuple(findings))


def check_leakage(report: LeakageReport, accept: Collection[str]) -> None:
    """Refuse leakage that was not accepted by name.

    Args:
        report: what `audit` found.
        accept: names of the kinds that the recipe accepts.

    Raises:
        LeakageError: naming each finding that was not accepted, with its count.

    Example:
        >>> check_leakage(LeakageReport(()), [])
    """
    check_accepted(accept)
    refused = [finding for finding in report.found if finding.kind not in accept]
    if refused:
        names = [kind for kind in LEAKAGES if kind in accept or any(finding.kind == kind for finding in refused)]
        lines = "\n  ".join(str(finding) for finding in refused)
        raise LeakageError(
            f"parts leak into each other:\n  {lines}\n"
            f"Split by speaker and remove copies, or accept it by name: split.accept_leakage: [{', '.join(names)}]"
        )


def check_accepted(accept: Iterable[str]) -> None:
    """Refuse names that are no kind of leakage.

    Args:
        accept: names.

    Raises:
        LeakageError: naming the first unknown one.

    Example:
        >>> check_accepted(["speaker"])
    """
    for name in accept:
        if name not in LEAKAGES:
            raise LeakageError(f"split.accept_leakage: no leakage named {name!r}; {did_you_mean(name, LEAKAGES)}")


def has_overlaps(table: pd.DataFrame) -> bool:
    """Say whether any two slices of one file overlap in time.

    Args:
        table: slice table.

    Example:
        >>> has_overlaps(pd.DataFrame({"path": ["a", "a"], "start": [0.0, 7.5], "end": [10.0, 17.5]}))
        True
    """
    ordered = table.sort_values(["path", "start"])
    paths, starts, ends = (ordered[column].to_numpy() for column in ("path", "start", "end"))
    return bool(((paths[1:] == paths[:-1]) & (starts[1:] < ends[:-1] - TOLERANCE)).any())


Measure = Callable[
    [str, pd.DataFrame, Mapping[str, pd.DataFrame], Mapping[str, str]], tuple[Mask, npt.NDArray[np.object_]]
]


def _within(column: str) -> Measure:
    """Return the measure of values shared with the same corpus; unknown ('') values are not compared."""

    def measure(
        corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], hashes: Mapping[str, str]
    ) -> tuple[Mask, npt.NDArray[np.object_]]:
        names = table[column].to_numpy(dtype=object)
        seen = set(others[corpus][column]) - {""} if corpus in others else set()
        return np.array([name in seen for name in names], dtype=bool), names

    return measure


def _by_content(
    corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], hashes: Mapping[str, str]
) -> tuple[Mask, npt.NDArray[np.object_]]:
    """Measure slices of files whose content is that of a file of any corpus."""
    seen = {hashes[path] for other in others.values() for path in set(other["path"]) if path in hashes}
    paths = table["path"].to_numpy(dtype=object)
    return np.array([hashes.get(path) in seen for path in paths], dtype=bool), paths


def _by_extent(
    corpus: str, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], hashes: Mapping[str, str]
) -> tuple[Mask, npt.NDArray[np.object_]]:
    """Measure slices whose extent overlaps that of another slice of the same file."""
    paths = table["path"].to_numpy(dtype=object)
    leaks = np.zeros(len(table), dtype=bool)
    columns = ["path", "start", "end"]
    seen = pd.concat([other[columns] for other in others.values()]) if others else table[columns].iloc[:0]
    shared = set(paths) & set(seen["path"])
    starts, ends = table["start"].to_numpy(dtype=float), table["end"].to_numpy(dtype=float)
    for path, group in seen[seen["path"].isin(shared)].groupby("path"):
        rows = np.flatnonzero(paths == path)
        before = (
            group["start"].to_numpy(dtype=float)[None, :] < ends[rows, None] - TOLERANCE
        )  # (slices here, slices there)
        after = group["end"].to_numpy(dtype=float)[None, :] > starts[rows, None] + TOLERANCE
        leaks[rows] = (before & after).any(axis=1)
    return leaks, paths


_MEASURES: dict[str, Measure] = {
    "speaker": _within("speaker"),
    "recording": _within("recording"),
    "slice": _by_extent,
    "audio": _by_content,
}
