"""What stands on both sides of a split: found, counted, and refused unless a recipe accepts it by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from transfer.data.corpus import some
from transfer.data.overlaps import MEASURES, Sounds
from transfer.data.pieces import one_row_a_piece
from transfer.errors import LeakageError, did_you_mean

__all__ = ["LEAKAGES", "Finding", "LeakageReport", "audit", "check_accepted", "check_leakage"]

LEAKAGES = ("speaker", "recording", "slice", "audio", "copy", "text", "statistics")
"""Kinds of leakage, by the names that a recipe accepts them under."""

REPORTED = ("text",)
"""Kinds that are reported, and refused only where a recipe forbids them: in acted corpora all speakers say the same."""

_AGAINST = {"valid": ("train",), "test": ("train", "valid")}
_SAID = {
    "slice": "overlap one in {}",
    "audio": "have the audio of a file in {}",
    "copy": "sound like a file in {}",
    "text": "say a text of {}",
    "statistics": "are in the statistics of normalisation, which {} is standardised by",
}

Parts = Mapping[tuple[str, str], pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """How much of one part stands in another.

    Args:
        kind: 'speaker', 'recording', 'slice' (overlapping extents of one file), 'audio' (the same file content), 'copy'
            (another file that sounds the same), 'text' (the same prompt) or 'statistics' (see `provenance`).
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
        what = _SAID.get(self.kind, f"have a {self.kind} in {{}}").format(self.against)
        slices = f"{self.count} of {self.total} slices ({self.share:.1%}) of {self.part}"
        return f"{self.kind}: {slices} {what}"

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
        return tuple(finding for finding in self.findings if finding.count and finding.kind not in REPORTED)

    @property
    def reported(self) -> tuple[Finding, ...]:
        """What parts share that ends no run unless a recipe forbids it."""
        return tuple(finding for finding in self.findings if finding.count and finding.kind in REPORTED)

    def record(self) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
        """Return counts and shares for tracking: part -> compared with -> kind, and no names of speakers or files."""
        record: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        for found in self.findings:
            kinds = record.setdefault(found.part, {}).setdefault(found.against, {})
            kinds[found.kind] = {"count": found.count, "of": found.total, "share": found.share}
        return record


def audit(parts: Parts, sounds: Sounds) -> LeakageReport:
    """Measure what validation and test parts share with training, and test parts with validation, across all corpora.

    Speakers, recordings and texts are compared within a corpus (two corpora may both call a speaker f1), extents by
    file, and content and sound over all corpora. Texts are looked at in test parts alone. A slice of several pieces
    leaks if one of them does.

    Args:
        parts: slice tables by (corpus, part), where part is 'train', 'valid' or 'test'.
        sounds: content hashes and near copies.

    Example:
        >>> row = {"speaker": "f1", "recording": "a.wav", "path": "/c/a.wav", "start": 0.0, "end": 2.0}
        >>> train, test = pd.DataFrame([row]), pd.DataFrame([{**row, "start": 2.0, "end": 4.0}])
        >>> report = audit({("own", "train"): train, ("own", "test"): test}, Sounds({"/c/a.wav": "3f"}))
        >>> [finding.kind for finding in report.found]
        ['speaker', 'recording', 'audio']
    """
    pieces = {name: one_row_a_piece(table) for name, table in parts.items()}
    findings = []
    for (corpus, part), table in pieces.items():
        slices = len(parts[corpus, part])
        for against in _AGAINST.get(part, ()):
            others = {other: seen for (other, role), seen in pieces.items() if role == against}
            for kind, measure in MEASURES.items():
                if kind == "text" and part != "test":
                    continue
                leaks, names = measure(corpus, table, others, sounds)
                count = len(np.unique(table.index[leaks]))
                examples = tuple(sorted(set(names[leaks]))) if leaks.any() else ()
                findings.append(Finding(kind, f"{corpus}/{part}", against, count, slices, examples))
    return LeakageReport(tuple(findings))


def check_leakage(report: LeakageReport, accept: Collection[str], *, forbid: Collection[str] = ()) -> None:
    """Refuse leakage that was not accepted by name.

    Args:
        report: what `audit` found.
        accept: names of the kinds that the recipe accepts.
        forbid: names of the kinds that are otherwise only reported.

    Raises:
        LeakageError: naming each finding that was not accepted, with its count.

    Example:
        >>> check_leakage(LeakageReport(()), [])
    """
    check_accepted(accept)
    forbidden = [finding for finding in report.reported if finding.kind in forbid]
    refused = [finding for finding in (*report.found, *forbidden) if finding.kind not in accept]
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
