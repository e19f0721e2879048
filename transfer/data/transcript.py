"""Transcripts of interviews: who spoke when."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transfer.data.tables import decode_text
from transfer.errors import CorpusError

__all__ = ["Interval", "Transcript", "read_transcript", "without"]

COLUMNS = ("start_time", "stop_time", "speaker")
PARTICIPANT, INTERVIEWER = "participant", "ellie"
_SYNC = re.compile(r"[<\[]synch?(?:ing)?[>\].]?", re.IGNORECASE)

Interval = tuple[float, float]
"""Start and end, in s."""


@dataclass(frozen=True)
class Transcript:
    """Turns in the order in which they are written.

    Args:
        participant: turns of the participant.
        others: turns of the interviewer, and the marks by which transcript and audio were brought into step.
        backward: number of turns that do not end after they begin, and are in neither.
    """

    participant: list[Interval]
    others: list[Interval]
    backward: int


def read_transcript(path: Path) -> Transcript:
    r"""Read a transcript of DAIC-WOZ: separated by tabs, without quotes, columns start_time, stop_time, speaker, value.

    Args:
        path: the file.

    Raises:
        CorpusError: if a column is not there, or a line has no times or another speaker; named by its number.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "300_TRANSCRIPT.csv"
        >>> lines = ("start_time\tstop_time\tspeaker\tvalue", "1.5\t2.5\tEllie\thi", "3\t4.25\tParticipant\thello")
        >>> _ = path.write_text("\n".join(lines), encoding="utf-8")
        >>> read_transcript(path).participant
        [(3.0, 4.25)]
    """
    lines = decode_text(path).split("\n")
    header = [column.strip().lower() for column in lines[0].split("\t")]
    if tuple(header[:3]) != COLUMNS:
        raise CorpusError(
            f"{path}: expected the columns {', '.join(COLUMNS)}, value, separated by tabs, found {header}"
        )
    turns: dict[bool, list[Interval]] = {True: [], False: []}
    backward = 0
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        start, end, speaker, value = ([field.strip() for field in line.split("\t", 3)] + [""] * 4)[:4]
        if speaker.lower() not in (PARTICIPANT, INTERVIEWER):
            raise CorpusError(f"{path}, line {number}: speaker is {speaker!r}; expected Participant or Ellie")
        spoken = _interval(start, end, f"{path}, line {number}")
        backward += spoken[0] >= spoken[1]
        if spoken[0] < spoken[1]:
            turns[speaker.lower() == PARTICIPANT and not _SYNC.fullmatch(value)].append(spoken)
    return Transcript(turns[True], turns[False], backward)


def _interval(start: str, end: str, place: str) -> Interval:
    """Return the times of a turn."""
    try:
        times = float(start), float(end)
    except ValueError:
        times = math.nan, math.nan
    if not all(math.isfinite(time) for time in times):
        raise CorpusError(f"{place}: the turn lasts from {start!r} to {end!r}; expected seconds such as 36.588")
    return times


def without(turns: Sequence[Interval], others: Sequence[Interval]) -> list[Interval]:
    """Return what is left of turns where nobody else speaks.

    Args:
        turns: intervals, s.
        others: what to cut out of them, s.

    Example:
        >>> without([(0.0, 4.0), (5.0, 6.0)], [(1.0, 2.0), (3.5, 5.5)])
        [(0.0, 1.0), (2.0, 3.5), (5.5, 6.0)]
    """
    left = []
    cuts = sorted(others)
    for start, end in turns:
        at = start
        for begin, stop in cuts:
            if stop <= at or begin >= end:
                continue
            if begin > at:
                left.append((at, begin))
            at = max(at, stop)
        if at < end:
            left.append((at, end))
    return left
