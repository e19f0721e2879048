"""What a picture of the domains is drawn from: embeddings of some slices before and after training, small enough to keep.

    z = (h - mean(h)) V,    V: the first principal axes of source and target together

A run keeps these principal components alone; the picture is made when it is wanted (`transfer.evaluation.report`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from transfer.data.cache import atomic_write

__all__ = ["Sample", "plane", "principal_components", "read_projections", "tsne", "write_projections"]

COMPONENTS = 30


class Sample(NamedTuple):
    """Embeddings of some slices: (n, d), with the corpus and the true label of each, and the level they are taken at."""

    values: npt.NDArray[np.float32]
    domain: list[str]
    label: list[str]
    level: str


def principal_components(values: npt.NDArray, most: int = COMPONENTS) -> tuple[npt.NDArray, npt.NDArray]:
    """Return the first principal components of rows, and the share of the variance of each.

    Args:
        values: embeddings.
        most: components kept.

    Shape:
        - values: (n, d)
        - output: (n, c) and (c,), c = min(most, n, d)

    Example:
        >>> components, share = principal_components(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
        >>> np.abs(components[:, 0]).round(3).tolist(), share.round(3).tolist()
        ([5.0, 0.0, 5.0], [1.0, 0.0])
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2
    total = variance.sum()
    return (left * singular)[:, :most], (variance / total if total > 0 else variance)[:most]


def write_projections(path: Path, before: Sample | None, after: Sample | None) -> None:
    """Write `projections.npz`: principal components before and after, their shares, domain and label of each slice.

    Args:
        path: the file, written whole or not at all; without samples there is none.
        before: training.
        after: the same slices after it.
    """
    if before is None or after is None:
        return
    arrays: dict[str, Any] = {
        "domain": np.array(before.domain),
        "label": np.array(before.label),
        "level": np.array(before.level),
    }
    for time, sample in (("before", before), ("after", after)):
        components, share = principal_components(sample.values)
        # Half precision ends at 65504: embeddings of any size keep their picture on a scale of their own.
        scale = max(float(np.abs(components).max()), 1e-12)
        arrays |= {time: (components / scale).astype(np.float16), f"{time}_share": share.astype(np.float32)}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    atomic_write(path, write)


def read_projections(path: Path) -> dict[str, npt.NDArray]:
    """Read `projections.npz`; nothing in it is ever unpickled.

    Raises:
        OSError, ValueError, KeyError: where it is not there or not whole.
    """
    names = ("domain", "label", "level", "before", "before_share", "after", "after_share")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in names}


def plane(components: npt.NDArray) -> npt.NDArray:
    """Return the first two components of rows; a second of zeros where there is but one.

    Example:
        >>> plane(np.array([[1.0], [2.0]])).tolist()
        [[1.0, 0.0], [2.0, 0.0]]
    """
    return np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1]))))


def tsne(components: npt.NDArray, *, seed: int = 0) -> npt.NDArray:
    """Return a two-dimensional t-SNE of rows, begun at their first two components.

    Reference: van der Maaten and Hinton, Visualizing data using t-SNE, JMLR 2008.

    Args:
        components: principal components, (n, c).
        seed: of the optimization.

    Shape:
        (n, 2); the first two components themselves for fewer than eight rows, or rows that are all alike.
    """
    start = plane(components)
    if len(components) < 8 or not np.ptp(components):
        return start
    from sklearn.manifold import TSNE

    start = (start / start[:, 0].std() * 1e-4).astype(np.float32)
    perplexity = min(30.0, (len(components) - 1) / 3)
    method = TSNE(perplexity=perplexity, max_iter=500, init=start, learning_rate="auto", random_state=seed, n_jobs=1)
    found: npt.NDArray = method.fit_transform(components.astype(np.float32))
    return found
