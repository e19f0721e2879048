"""One label a frame: label files, and windows of neighbouring frames as model inputs.

A corpus table of such a corpus has a column `frame_labels`: for each clip the path of a text file, relative to the
corpus, with one label a line for every frame that the front end makes of the clip. Front end, cache, split and audit
see whole clips; only here do clips become windows, one around every frame. A window is a view into the clip, so n
neighbours take no n-fold memory. Beyond the ends of a clip its first and last frame are repeated.

Axis letters: N windows, C channels, n neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from transfer.data.domain import Batch, Domain, labels_and_pools
from transfer.data.features import FeatureStore
from transfer.data.manifest import path_inside
from transfer.data.normalisation import Normaliser
from transfer.errors import CorpusError

__all__ = ["FrameDomain", "build_frame_domain", "class_names", "with_frame_labels"]

COLUMN = "frame_labels"


@dataclass(frozen=True)
class FrameDomain(Domain):
    """A corpus whose rows are frames, each heard with its neighbours.

    Args:
        features: every window there is of the clips laid one after another, a view, (W, C, n).
        windows: the window around each row's frame, (N,).
    """

    windows: Tensor

    def batch(self, rows: Tensor) -> Batch:
        """Gather the windows around frames."""
        rows = rows.to(self.device)
        return Batch(self.features[self.windows[rows]], self.lengths[rows], self.labels[rows], rows)


def with_frame_labels(slices: pd.DataFrame, table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Read the label file of every clip.

    Args:
        slices: slice table of whole clips.
        table: their corpus table.
        root: folder that the paths in its column `frame_labels` are relative to.

    Returns:
        The slice table with the labels of each clip's frames, a tuple, as column `frame_labels`.

    Raises:
        CorpusError: where there is no such column, or a file is missing, leaves the folder, or holds an empty line.
    """
    if COLUMN not in table:
        raise CorpusError(
            f"{root}: slices of version frames need a label for every frame; give the manifest a column {COLUMN!r} with "
            "the path of each clip's label file, one label a line"
        )
    files = dict(zip(table.index, table[COLUMN], strict=True))
    labelled: pd.DataFrame = slices.copy()
    labelled[COLUMN] = [_read(root, str(files[clip])) for clip in slices["clip"]]
    return labelled


def class_names(slices: pd.DataFrame) -> tuple[str, ...]:
    """Return the classes of a corpus, of its frames where they are labelled, sorted.

    Args:
        slices: slice table of the corpus.

    Example:
        >>> class_names(pd.DataFrame({"label": ["speech"], "frame_labels": [("t", "a", "a")]}))
        ('a', 't')
    """
    if COLUMN in slices and isinstance(slices[COLUMN].iloc[0], tuple):
        return tuple(sorted(set().union(*slices[COLUMN])))
    return tuple(sorted(set(slices["label"])))


def build_frame_domain(
    name: str,
    classes: Sequence[str],
    slices: pd.DataFrame,
    store: FeatureStore,
    normaliser: Normaliser,
    device: torch.device,
    *,
    neighbours: int,
) -> FrameDomain:
    """Put the clips of one corpus on the device, with a row for every frame.

    Each frame counts as a recording of its own: it has its own label, which no other frame helps to decide.

    Args:
        name: corpus name.
        classes: class names.
        slices: its rows of the slice table, whole clips, with the columns `position` and `frame_labels`.
        store: features of all corpora.
        normaliser: fitted statistics.
        device: where to.
        neighbours: n, odd.

    Raises:
        CorpusError: where a clip has not as many labels as frames.
    """
    side, clips = neighbours // 2, []
    for i, who, path, labels in zip(*(slices[c] for c in ("position", normaliser.who, "path", COLUMN)), strict=True):
        clip = normaliser.apply(name, who, store.clip(i))  # (T, C)
        if len(labels) != len(clip):
            raise CorpusError(
                f"{path}: {len(labels)} labels for {len(clip)} frames; expected one label a line for every frame of the "
                "front end (its hop and padding decide how many there are)"
            )
        clips.append(np.pad(clip, ((side, side), (0, 0)), mode="edge"))
    lengths = slices[COLUMN].map(len).to_numpy()
    starts = np.cumsum([0, *(len(clip) for clip in clips[:-1])])
    within = np.concatenate([np.arange(length) for length in lengths])
    joined = torch.from_numpy(np.concatenate(clips).T.copy()).to(device)  # (C, all frames)
    table = slices.loc[slices.index.repeat(lengths)].drop(columns=COLUMN).reset_index(drop=True)
    table["label"] = [label for labels in slices[COLUMN] for label in labels]
    table["recording"] = table["recording"] + "#" + pd.Series(within).astype(str)
    labels, pools = labels_and_pools(table, classes)
    return FrameDomain(
        name,
        tuple(classes),
        joined.unfold(1, neighbours, 1).transpose(0, 1),
        torch.full((len(table),), neighbours, device=device),
        labels.to(device),
        pools,
        table,
        torch.from_numpy(np.repeat(starts, lengths) + within).to(device),
    )


def _read(root: Path, written: str) -> tuple[str, ...]:
    """Read one label file."""
    if not written:
        raise CorpusError(f"{root}: a clip has no label file; fill in its field {COLUMN!r}")
    file = root / path_inside(root, written, place=f"{root}, column {COLUMN}")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{file}: not readable as a label file ({error}); expected text, one label a line") from None
    labels = tuple(line.strip() for line in lines)
    if "" in labels:
        raise CorpusError(f"{file}, line {labels.index('') + 1}: empty; expected one label a line for every frame")
    return labels
