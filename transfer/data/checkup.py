"""What is wrong with a corpus on disk, each fault by name with its number and first examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer.data.confounds import odd_labels, single_class_speakers
from transfer.data.corpus import Corpus
from transfer.data.scan import clip_problems

__all__ = ["Fault", "check_corpus"]

CLIPPED = 0.001  # share of samples in clipped stretches
SHOWN = 5


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Args:
        kind: its name.
        count: how many files, clips or speakers have it.
        what: it in words, and what to do.
        examples: the first few.
        breaks: whether training would fail, or be wrong, because of it; the others are to be known.
    """

    kind: str
    count: int
    what: str
    examples: tuple[str, ...]
    breaks: bool

    def record(self) -> dict[str, Any]:
        """Return it, fit for JSON."""
        return {**asdict(self), "examples": list(self.examples)}


def check_corpus(
    corpus: Corpus,
    scan: pd.DataFrame,
    measures: pd.DataFrame,
    *,
    twins: Sequence[tuple[str, str]] = (),
    sample_rate: int = 16000,
) -> list[Fault]:
    """Find the faults of a corpus.

    Args:
        corpus: as it was read.
        scan: what `scan_audio(..., decode=True)` gave.
        measures: what `measure_clips` gave.
        twins: pairs of files that sound alike though their bytes differ.
        sample_rate: Hz that the front ends want; audio below it lacks the upper band.

    Returns:
        Faults that break training first.
    """
    table, files = corpus.table, scan.set_index("path")
    names = dict(zip(table["path"], table["recording"], strict=True))
    problems = clip_problems(table, scan)
    kinds = problems.map(lambda text: text.split(":")[0].split(" (")[0])
    faults = [
        _fault(kind, table.loc[kinds == kind, "recording"], f"{kind}: replace or remove, or `bad_audio: skip`", True)
        for kind in sorted(set(kinds) - {""})
    ]
    faults += [
        _fault("missing", corpus.missing, "named by the corpus's own tables, but not there: left out", False),
        *_alike(
            "duplicate", _copies(files, names), " = ", "the same bytes under several names: remove all but one", table
        ),
        *_alike("near-duplicate", twins, " ~ ", "sound alike (gain, rate, trim): remove one", table),
        _fault("unknown speaker", table.loc[table["speaker"] == "", "recording"], "no speaker-disjoint split", True),
        _fault(
            "clipped",
            table.loc[measures["clipped"] > CLIPPED, "recording"],
            f"more than {CLIPPED:.1%} of the samples stand at full scale",
            False,
        ),
        *_rates(files, names, sample_rate),
        _fault("outlying duration", _outliers(table, files, names), "far outside the corpus's own range", False),
        _fault("odd label", _odd(table), "the only clip of its speaker in this class: a slip of the pen?", False),
        _fault("rare class", _rare(table), "too few clips to learn and to test: a slip of the pen?", False),
        _fault("one-class speaker", single_class_speakers(table), "who speaks tells the class", False),
        _fault(
            "link",
            _linked(names, corpus.root),
            "read by a link from outside the folder: yours, or a stranger's?",
            False,
        ),
        _fault("ignored file", corpus.ignored, "not of the layout, left out", False),
    ]
    return sorted((f for f in faults if f.count), key=lambda f: not f.breaks)


def _fault(kind: str, items: Iterable[str], what: str, breaks: bool) -> Fault:
    """Count the items of a fault and keep the first few."""
    listed = list(items)
    return Fault(kind, len(listed), what, tuple(map(str, listed[:SHOWN])), breaks)


def _copies(files: pd.DataFrame, names: dict[str, str]) -> list[list[str]]:
    """Return the groups of files of equal content."""
    known = files[files["hash"] != ""]
    groups = known.groupby("hash").groups.values()
    return [[names[path] for path in sorted(paths)] for paths in groups if len(paths) > 1]


def _alike(kind: str, groups: Iterable[Sequence[str]], sign: str, what: str, table: pd.DataFrame) -> list[Fault]:
    """Return groups of files that are alike: those of one speaker and class stay in one part, others leak or contradict."""
    clips = dict(zip(table["recording"], zip(table["speaker"], table["label"], strict=True), strict=True))
    within: dict[bool, list[str]] = {False: [], True: []}
    for group in groups:
        kinds = {clips.get(name, ("", "")) for name in group}
        within[len(kinds) == 1 and all(speaker for speaker, _ in kinds)].append(sign.join(group))
    return [
        _fault(kind, within[False], what, True),
        _fault(f"{kind} of a speaker", within[True], f"{what}; a split by speaker keeps them in one part", False),
    ]


def _odd(table: pd.DataFrame) -> list[str]:
    """Return the clips whose label is unlike that of all others of their speaker."""
    odd = table[odd_labels(table)]
    return [f"{name} ({label})" for name, label in zip(odd["recording"], odd["label"], strict=True)]


def _rare(table: pd.DataFrame) -> list[str]:
    """Return the classes of a single clip where one has ten, each with those that are other spellings of it."""
    counts = table["label"].value_counts()
    rare = sorted(counts.index[counts == 1]) if counts.max() >= 10 else []
    same = {a: [b for b in counts.index if b != a and b.casefold() == a.casefold()] for a in rare}
    return [f"{label}, 1 clip{''.join(f' (beside {other})' for other in same[label])}" for label in rare]


def _linked(names: dict[str, str], root: Path) -> list[str]:
    """Return files that lie outside the folder, and are in it by a link."""
    real_root, folders = Path(root).resolve(), {folder: folder.resolve() for folder in {Path(p).parent for p in names}}
    places = {path: Path(path).resolve() if Path(path).is_symlink() else folders[Path(path).parent] for path in names}
    return [names[path] for path, place in places.items() if not place.is_relative_to(real_root)]


def _rates(files: pd.DataFrame, names: dict[str, str], sample_rate: int) -> list[Fault]:
    """Return files of another rate or number of channels than most, and rates below that of the front ends."""
    readable = files[files["sample_rate"] > 0]
    faults = []
    for column, unit in (("sample_rate", "Hz"), ("channels", "channels")):
        if readable[column].nunique() > 1:
            usual = readable[column].mode().max()  # the highest of several that are as many
            other = readable[readable[column] != usual]
            listed = [f"{names[path]} ({value} {unit})" for path, value in other[column].items()]
            faults.append(_fault(f"wrong {column.replace('_', ' ')}", listed, f"most files have {usual} {unit}", False))
    low = readable[readable["sample_rate"] < sample_rate]
    listed = [f"{names[path]} ({rate} Hz)" for path, rate in low["sample_rate"].items()]
    return [*faults, _fault("low rate", listed, f"below {sample_rate} Hz: the upper band is empty", False)]


def _outliers(table: pd.DataFrame, files: pd.DataFrame, names: dict[str, str]) -> list[str]:
    """Return clips whose log duration lies beyond Tukey's outer fences (3 interquartile ranges)."""
    ends = np.fmin(table["end"], files["duration"].reindex(table["path"]).to_numpy(float))
    seconds = (ends - table["start"]).to_numpy(float)
    usable = np.isfinite(seconds) & (seconds > 0)
    if usable.sum() < 8:
        return []
    logs = np.log(np.where(usable, seconds, 1.0))
    low, high = np.quantile(logs[usable], [0.25, 0.75])
    fence = 3 * max(high - low, 0.05)  # clips of all but one length would make fences of no width
    out = usable & ((logs < low - fence) | (logs > high + fence))
    return [f"{names[table['path'].iloc[i]]} ({seconds[i]:.2f} s)" for i in np.flatnonzero(out)]
