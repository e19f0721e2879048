"""How much of each recording the clips of a corpus keep: what is left of an interview without the interviewer."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["kept_note", "kept_share"]


def kept_share(table: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """Return the part of each audio file that lies in a clip; what lies in two clips counts once.

    Args:
        table: corpus table.
        scan: what `scan_audio` gave for it.

    Returns:
        One row a file that could be read, sorted by recording: `recording`, `clips` (number), `duration` (s), `kept`
        (s), `share` (of the duration).

    Example:
        >>> table = pd.DataFrame({"path": "a.wav", "recording": "a.wav", "start": [1.0, 2.0], "end": [3.0, 4.0]})
        >>> scan = pd.DataFrame({"path": ["a.wav"], "duration": [6.0]})
        >>> kept_share(table, scan)[["clips", "kept", "share"]].values.tolist()
        [[2.0, 3.0, 0.5]]
    """
    durations = scan.set_index("path")["duration"]
    rows = []
    for path, clips in table.groupby("path", sort=False):
        duration = float(durations.get(path, np.nan))
        if duration > 0:
            kept = _union(clips["start"].to_numpy(float), np.fmin(clips["end"].to_numpy(float), duration))
            rows.append((clips["recording"].iloc[0], len(clips), duration, kept, kept / duration))
    found: pd.DataFrame = pd.DataFrame(rows, columns=["recording", "clips", "duration", "kept", "share"])
    ordered: pd.DataFrame = found.sort_values("recording", ignore_index=True)
    return ordered


def kept_note(table: pd.DataFrame, scan: pd.DataFrame) -> str:
    """Say in one line how much of the recordings the clips keep; nothing where clips are whole files.

    Args:
        table: corpus table.
        scan: what `scan_audio` gave for it.

    Example:
        >>> table = pd.DataFrame({"path": "a.wav", "recording": "a.wav", "start": [1.0, 2.0], "end": [3.0, 4.0]})
        >>> kept_note(table, pd.DataFrame({"path": ["a.wav"], "duration": [6.0]}))
        'clips keep 50% of the audio (0.1 of 0.1 min); of single recordings 50% to 50%, in the median 50%'
    """
    if not len(table) or not (table["start"].gt(0) | table["end"].notna()).any():
        return ""
    found = kept_share(table, scan)
    if found.empty:
        return ""
    kept, whole, share = found["kept"].sum(), found["duration"].sum(), found["share"]
    return (
        f"clips keep {kept / whole:.0%} of the audio ({kept / 60:.1f} of {whole / 60:.1f} min); "
        f"of single recordings {share.min():.0%} to {share.max():.0%}, in the median {share.median():.0%}"
    )


def _union(starts: np.ndarray, ends: np.ndarray) -> float:
    """Return the length of a union of intervals."""
    order = np.argsort(starts, kind="stable")
    reached = np.maximum.accumulate(np.concatenate([[-np.inf], ends[order]]))[:-1]
    return float(np.maximum(0.0, ends[order] - np.maximum(starts[order], reached)).sum())
