"""Clips to model inputs: the slice table.

A slice is an extent of its clip's file, or (V0) of a class's recordings one after another. Padding to the nominal length
happens later, by masks on the features, so that no padding is ever taken for speech.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from transfer.data.pieces import Piece
from transfer.errors import UserError, did_you_mean

__all__ = ["VERSIONS", "Slicing", "slice_corpus"]

VERSIONS = ("V0", "V1", "V2", "whole")
GAP = 0.5  # s of silence between the recordings that V0 joins
SHORTEST = 1e-3  # s; what a cut leaves of a recording below it is no sound
HOP = 0.01  # s; windows that begin closer to one another are the same sound many times
TOLERANCE = 1e-6  # s; below a sample at any rate, so that 17.5 s are two windows and no rest
CARRIED = ("sex", "age", "language", "text", "session", "split")
OWN = ("clip", "speaker", "recording", "label", "path", "start", "end", "seconds")  # what the slice table says itself


@dataclass(frozen=True)
class Slicing:
    """How clips become slices.

    `V0`: a speaker's recordings of a class, joined with 0.5 s of silence between them, are cut every `seconds`; a rest
    of up to `minimum` is dropped. `V1`: clips up to `seconds` are one slice; longer ones are cut into windows of
    `seconds` that overlap by `overlap`. What the windows leave over becomes one more, shorter window if it brings more
    than `minimum` of new audio, and is dropped otherwise. `V2`: the first `seconds` of each clip. `whole`: the clip.

    Args:
        version: 'V0', 'V1', 'V2' or 'whole'.
        seconds: nominal length of a slice, s.
        overlap: overlap of neighbouring windows, s (V1).
        minimum: shortest rest that is kept, s (V0, V1).
        reproduce_notes: join across speakers, as the laboratory's notes did (V0).

    Raises:
        UserError: for an unknown version or lengths that cannot be.

    Example:
        >>> Slicing("V3")
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: unknown slicing 'V3': did you mean 'V2'? Known: V0, V1, V2, whole
    """

    version: str = "whole"
    seconds: float = 10.0
    overlap: float = 2.5
    minimum: float = 1.0
    reproduce_notes: bool = False

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise UserError(f"unknown slicing {self.version!r}: {did_you_mean(self.version, VERSIONS)}")
        least = GAP if self.version == "V0" else 0
        if not least < self.seconds < math.inf:
            what = f"more than {least} s, the silence between recordings" if least else "a positive number of seconds"
            raise UserError(f"slices of {self.seconds} s cannot be; expected {what}")
        if not 0 <= self.overlap < self.seconds:
            raise UserError(
                f"slices of {self.seconds} s cannot overlap by {self.overlap} s; expected 0 <= overlap < seconds"
            )
        if self.version == "V1" and self.seconds - self.overlap < HOP - TOLERANCE:
            raise UserError(
                f"slices of {self.seconds} s that overlap by {self.overlap} s begin {self.seconds - self.overlap:.3g} s after "
                f"one another; expected at least {HOP} s, so make slices.overlap smaller"
            )
        if not 0 <= self.minimum <= self.seconds:
            raise UserError(
                f"a minimum of {self.minimum} s does not fit slices of {self.seconds} s; "
                "expected 0 <= minimum <= seconds"
            )
        if self.reproduce_notes and self.version != "V0":
            raise UserError(f"slices.reproduce_notes joins speakers in V0; with {self.version} leave it out")


def slice_corpus(table: pd.DataFrame, slicing: Slicing, *, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Cut the clips of a corpus into slices.

    Args:
        table: corpus table with the column `duration` (s, of the clip; see `with_durations`).
        slicing: how.
        apart: further columns to carry, across whose values V0 never joins: those that a split goes by.

    Returns:
        One row a slice, in the order of the clips: `clip` (row of the corpus table; the first, for V0), `speaker`,
        `recording`, `label`, `path`, what there is of `sex`, `age`, `language`, `text`, `session` and `split`, `start`,
        `end` (s, in the file; for V0 in what was joined), `seconds` (nominal length to pad to; NaN for whole), and for V0 `pieces`.

    Raises:
        UserError: if the durations are not there, or one is not positive.

    Example:
        >>> clip = {"path": "a.wav", "start": 0.0, "label": "x", "speaker": "s", "recording": "a.wav", "duration": 20.0}
        >>> slice_corpus(pd.DataFrame([clip]), Slicing("V1"))[["start", "end"]].values.tolist()
        [[0.0, 10.0], [7.5, 17.5], [15.0, 20.0]]
    """
    if "duration" not in table:
        raise UserError("the corpus table has no column 'duration'; add it with transfer.data.scan.with_durations")
    wrong = table.index[~(table["duration"] > 0)]
    if len(wrong):
        first = table.loc[wrong[0]]
        raise UserError(
            f"{len(wrong)} clips have no positive duration; the first is {first['path']} with {first['duration']} s"
        )
    carried = list(dict.fromkeys(name for name in (*CARRIED, *apart) if name in table and name not in OWN))
    if slicing.version == "V0":
        return _joined(table, slicing, carried, apart)
    extents = [_extents(duration, slicing) for duration in table["duration"]]
    clips = [row for row, cuts in enumerate(extents) for _ in cuts]
    slices: pd.DataFrame = table[["speaker", "recording", "label", "path", *carried]].iloc[clips].reset_index(drop=True)
    offsets = table["start"].to_numpy(dtype=float)[clips]
    slices.insert(0, "clip", table.index.to_numpy()[clips])
    slices["start"] = offsets + [start for cuts in extents for start, _ in cuts]
    slices["end"] = offsets + [end for cuts in extents for _, end in cuts]
    slices["seconds"] = math.nan if slicing.version == "whole" else float(slicing.seconds)
    return slices


def _extents(duration: float, slicing: Slicing) -> list[tuple[float, float]]:
    """Return the extents of a clip's slices, s from the clip's start."""
    if slicing.version == "whole" or duration <= slicing.seconds + TOLERANCE:
        return [(0.0, duration)]
    if slicing.version == "V2":
        return [(0.0, slicing.seconds)]
    hop = slicing.seconds - slicing.overlap
    count = math.floor((duration - slicing.seconds + TOLERANCE) / hop) + 1
    windows = [(i * hop, min(i * hop + slicing.seconds, duration)) for i in range(count)]
    if duration - windows[-1][1] > slicing.minimum:
        windows.append((count * hop, duration))
    return windows


def _joined(table: pd.DataFrame, slicing: Slicing, carried: Sequence[str], apart: Sequence[str]) -> pd.DataFrame:
    """Join recordings of one speaker and class (V0), and cut what was joined."""
    unknown = int((table["speaker"] == "").sum())
    if unknown and not slicing.reproduce_notes:
        raise UserError(
            f"the speaker of {unknown} of {len(table)} clips is unknown, so that V0 might join speakers; name them in a "
            "manifest (column speaker), slice by V1, or accept it by slices.reproduce_notes: true"
        )
    whose = [] if slicing.reproduce_notes else ["speaker"]
    groups = [*whose, "label", *(name for name in dict.fromkeys(apart) if name in table and name not in whose)]
    rows = []
    for name, clips in table.groupby(groups, sort=False):
        timeline = _timeline(clips)
        for start, end in _cuts(timeline[-1][1], slicing):
            pieces = tuple(_cut(piece, at, start, end) for at, till, piece in timeline if _heard(at, till, start, end))
            heard = [piece for piece in pieces if piece.path]
            if heard:
                speakers = sorted({piece.speaker for piece in heard})
                row = {"clip": clips.index[0], "speaker": "+".join(speakers) if all(speakers) else ""}
                row |= {"recording": "V0/" + "/".join(map(str, name)), "label": clips["label"].iloc[0]}
                row |= {column: _shared(clips[column]) for column in carried}
                row |= {"path": heard[0].path, "start": start, "end": end, "seconds": float(slicing.seconds)}
                rows.append({**row, "pieces": pieces})
    columns = ["clip", "speaker", "recording", "label", "path", *carried, "start", "end", "seconds", "pieces"]
    slices: pd.DataFrame = pd.DataFrame(rows, columns=columns)
    return slices


def _shared(values: pd.Series) -> Any:
    """Return the value that all rows have, and what stands for an unknown one where they differ."""
    if values.nunique() == 1:
        return values.iloc[0]
    return math.nan if pd.api.types.is_numeric_dtype(values) else ""


def _timeline(clips: pd.DataFrame) -> list[tuple[float, float, Piece]]:
    """Lay clips and the silence between them one after another: begin and end of each, s, and what it is."""
    timeline: list[tuple[float, float, Piece]] = []
    at = 0.0
    texts = clips["text"] if "text" in clips else [""] * len(clips)
    columns = (clips[name] for name in ("path", "start", "duration", "speaker", "recording"))
    for path, start, duration, speaker, recording, text in zip(*columns, texts, strict=True):
        if timeline:
            timeline.append((at, at + GAP, Piece("", 0.0, GAP)))
            at += GAP
        timeline.append((at, at + duration, Piece(path, start, start + duration, speaker, recording, text)))
        at += duration
    return timeline


def _cuts(duration: float, slicing: Slicing) -> list[tuple[float, float]]:
    """Return the extents of slices that follow one another, the rest kept if it is longer than the minimum."""
    count = math.floor((duration + TOLERANCE) / slicing.seconds)
    cuts = [(i * slicing.seconds, min((i + 1) * slicing.seconds, duration)) for i in range(count)]
    if not count or duration - count * slicing.seconds > slicing.minimum:
        cuts.append((count * slicing.seconds, duration))
    return cuts


def _heard(at: float, till: float, start: float, end: float) -> bool:
    """Tell whether enough of what lies from `at` to `till` is between two cuts."""
    return min(till, end) - max(at, start) >= min(SHORTEST, till - at)


def _cut(piece: Piece, at: float, start: float, end: float) -> Piece:
    """Return what two cuts leave of a piece that begins at `at`."""
    before = max(start - at, 0.0)
    length = min(piece.end - piece.start, end - at) - before
    begin = piece.start + before if piece.path else 0.0
    return piece._replace(start=begin, end=begin + length)
