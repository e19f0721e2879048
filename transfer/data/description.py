"""A corpus in numbers and one picture: who speaks, what, how long, in which format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer.data.cache import atomic_write
from transfer.data.corpus import Corpus
from transfer.data.extents import kept_note, kept_share

__all__ = ["clip_seconds", "describe_corpus", "draw_corpus"]


def clip_seconds(table: pd.DataFrame, scan: pd.DataFrame) -> pd.Series:
    """Return the duration of each clip in s, NaN where its file could not be read.

    Args:
        table: corpus table.
        scan: what `scan_audio` gave for it.

    Example:
        >>> table = pd.DataFrame({"path": ["a.wav"], "start": [0.5], "end": [float("nan")]})
        >>> clip_seconds(table, pd.DataFrame({"path": ["a.wav"], "duration": [1.5]})).to_list()
        [1.0]
    """
    files = scan.set_index("path")["duration"].reindex(table["path"]).to_numpy(float)
    ends = np.where(np.isnan(files), np.nan, np.fmin(table["end"].to_numpy(float), files))
    seconds: pd.Series = pd.Series(ends - table["start"].to_numpy(float), index=table.index, name="duration")
    return seconds


def describe_corpus(corpus: Corpus, scan: pd.DataFrame) -> dict[str, Any]:
    """Count a corpus by class, speaker and sex, and sum up durations and formats.

    Args:
        corpus: as it was read.
        scan: what `scan_audio` gave for its table.

    Returns:
        Counts, and `seconds` with total, shortest, median and longest clip.
    """
    table, seconds = corpus.table, clip_seconds(corpus.table, scan)
    known = seconds.dropna()
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "synthetic": bool(corpus.synthetic),
        "clips": len(table),
        "files": len(scan),
        "recordings": int(table["recording"].nunique()),
        "speakers": len(corpus.speakers),
        "classes": _counts(table["label"]),
        "clips_by_speaker": _counts(table["speaker"].replace("", "unknown")),
        "classes_by_speaker": pd.crosstab(table["speaker"].replace("", "unknown"), table["label"]).T.to_dict(),
        **{name: _counts(table[name]) for name in ("sex", "language", "session", "split") if name in table},
        "seconds": {
            "total": round(float(known.sum()), 1),
            "shortest": round(float(known.min()), 3) if len(known) else None,
            "median": round(float(known.median()), 3) if len(known) else None,
            "longest": round(float(known.max()), 3) if len(known) else None,
        },
        "sample_rates": _counts(scan.loc[scan["sample_rate"] > 0, "sample_rate"]),
        "channels": _counts(scan.loc[scan["channels"] > 0, "channels"]),
        "unusable_files": int((scan["problem"] != "").sum()),
        "ignored_files": len(corpus.ignored),
        "missing_files": len(corpus.missing),
        "left_out_files": {reason: len(files) for reason, files in corpus.left_out.items()},
        "kept": _kept(table, scan),
        "notes": [note for note in (*corpus.notes, kept_note(table, scan)) if note],
    }


def _kept(table: pd.DataFrame, scan: pd.DataFrame) -> dict[str, float]:
    """Return the share of each recording that its clips keep, where clips are cut out of recordings."""
    cut = bool(kept_note(table, scan))
    shares = kept_share(table, scan) if cut else pd.DataFrame({"recording": [], "share": []})
    return {str(name): round(float(share), 4) for name, share in zip(shares["recording"], shares["share"], strict=True)}


def draw_corpus(corpus: Corpus, scan: pd.DataFrame, file: Path) -> None:
    """Draw clips by speaker and class, and the durations of each class, into a PNG, SVG or PDF.

    Args:
        corpus: as it was read.
        scan: what `scan_audio` gave for its table.
        file: what to write.
    """
    from matplotlib.figure import Figure

    table = corpus.table.assign(speaker=corpus.table["speaker"].replace("", "unknown"))
    counts = pd.crosstab(table["speaker"], table["label"])
    seconds = clip_seconds(corpus.table, scan)
    figure = Figure(figsize=(11, max(3.0, min(10.0, 1.5 + 0.25 * len(counts)))), layout="constrained")
    who, long = figure.subplots(1, 2)
    image = who.imshow(counts.to_numpy(), aspect="auto", cmap="Blues", vmin=0, vmax=1.5 * counts.to_numpy().max())
    for (row, column), number in np.ndenumerate(counts.to_numpy() if counts.size <= 400 else np.empty((0, 0))):
        who.text(column, row, str(number), ha="center", va="center")
    who.set_xticks(range(counts.shape[1]), list(counts.columns), rotation=45, ha="right")
    if len(counts) <= 60:
        who.set_yticks(range(len(counts)), list(counts.index))
    who.set(title="clips", ylabel="speaker")
    if counts.size > 400:
        figure.colorbar(image, ax=who)
    groups = {str(label): rows.dropna() for label, rows in seconds.groupby(table["label"])}
    groups = {label: rows for label, rows in groups.items() if len(rows)}
    if groups:
        long.boxplot(list(groups.values()), orientation="horizontal", tick_labels=list(groups), whis=(5, 95))
    long.set(title="durations (quartiles; 5th and 95th percentile)", xlabel="s")
    figure.suptitle(f"{corpus.name}: {len(table)} clips of {len(corpus.speakers)} speakers")
    kind = file.suffix.lower().removeprefix(".") or "png"
    atomic_write(file, lambda path: figure.savefig(path, format=kind, dpi=150))


def _counts(values: pd.Series) -> dict[str, int]:
    """Count values, sorted by value."""
    return {str(value): int(number) for value, number in values.value_counts().sort_index().items()}
