"""Clips to model inputs: the slice table.

A slice is an extent of its clip's file. Padding to the nominal length happens later, by masks on the features, so that
no zero is ever taken for speech.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from transfer.errors import UserError, did_you_mean

__all__ = ["VERSIONS", "Slicing", "slice_corpus"]

VERSIONS = ("V1", "V2", "whole")
TOLERANCE = 1e-6  # s; below a sample at any rate, so that 17.5 s are two windows and no rest


@dataclass(frozen=True)
class Slicing:
    """How clips become slices.

    `V1`: clips up to `seconds` are one slice; longer ones are cut into windows of `seconds` that overlap by `overlap`.
    What the windows leave over becomes one more, shorter window if it brings more than `minimum` of new audio, and is
    dropped otherwise. `V2`: the first `seconds` of each clip. `whole`: the clip as it is.

    Args:
        version: 'V1', 'V2' or 'whole'.
        seconds: nominal length of a slice, s.
        overlap: overlap of neighbouring windows, s (V1).
        minimum: shortest rest that is kept, s (V1).

    Raises:
        UserError: for an unknown version or lengths that cannot be.

    Example:
        >>> Slicing("V0")
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: unknown slicing 'V0': did you mean 'V2'? Known: V1, V2, whole
    """

    version: str = "whole"
    seconds: float = 10.0
    overlap: float = 2.5
    minimum: float = 1.0

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise UserError(f"unknown slicing {self.version!r}: {did_you_mean(self.version, VERSIONS)}")
        if not 0 < self.seconds < math.inf:
            raise UserError(f"slices of {self.seconds} s cannot be; expected a positive number of seconds")
        if not 0 <= self.overlap < self.seconds:
            raise UserError(
                f"slices of {self.seconds} s cannot overlap by {self.overlap} s; expected 0 <= overlap < seconds"
            )
        if not 0 <= self.minimum <= self.seconds:
            raise UserError(
                f"a minimum of {self.minimum} s does not fit slices of {self.seconds} s; "
                "expected 0 <= minimum <= seconds"
            )


def slice_corpus(table: pd.DataFrame, slicing: Slicing) -> pd.DataFrame:
    """Cut the clips of a corpus into slices.

    Args:
        table: corpus table with the column `duration` (s, of the clip; see `with_durations`).
        slicing: how.

    Returns:
        One row a slice, in the order of the clips: `clip` (row of the corpus table), `speaker`, `recording`, `label`,
        `path`, `start`, `end` (s, in the file), `seconds` (nominal length to pad to; NaN for whole).

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
    extents = [_extents(duration, slicing) for duration in table["duration"]]
    clips = [row for row, cuts in enumerate(extents) for _ in cuts]
    slices: pd.DataFrame = table[["speaker", "recording", "label", "path"]].iloc[clips].reset_index(drop=True)
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
