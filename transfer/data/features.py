"""Features of a slice table, computed once and cached by content and parameters.

The cache file of a table is a safetensors file: `frames` (total frames, C) of all slices one after another, `lengths`
(slices,). Its name is a hash of every slice's audio content and extent and of the front end's exact parameters, so
another model never recomputes it and another front-end parameter always does. A checksum guards against damage.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from transfer.data.cache import atomic_write, cache_folder, key
from transfer.data.pieces import Piece, load_pieces, pieces_of
from transfer.errors import AudioError

__all__ = ["FeatureStore", "FrontEnd", "extract_features"]

log = logging.getLogger(__name__)


class FrontEnd(Protocol):
    """What feature extraction needs of a front end."""

    channels: int
    sample_rate: int

    def __call__(self, waveform: Tensor) -> Tensor:
        """Map (samples,) to (C, T)."""

    def record(self) -> dict[str, Any]:
        """Return the exact parameters."""


@dataclass
class FeatureStore:
    """Features of every slice of a table.

    Args:
        frames: all slices one after another, (total, C) float32.
        lengths: frames of each slice, (n,); 0 where the audio could not be used.
        problems: position of the slice -> why not.
        cached: whether they were read from the cache.
    """

    frames: np.ndarray
    lengths: np.ndarray
    problems: dict[int, str]
    cached: bool = False

    def __post_init__(self) -> None:
        self._ends = np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def clip(self, i: int) -> np.ndarray:
        """Return the features of slice i, (T, C)."""
        return self.frames[self._ends[i] - self.lengths[i] : self._ends[i]]


def extract_features(
    slices: pd.DataFrame,
    front_end: FrontEnd,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    folder: Path | None = None,
    cached: bool = True,
) -> FeatureStore:
    """Return the features of every slice, from the cache where they are there.

    Args:
        slices: slice table with columns path, start and end (s), and hash where they are kept.
        front_end: waveform -> features.
        threads: slices decoded, resampled and transformed at once, each by one thread; default: one a core. Neither
            numbers nor order depend on it.
        progress: is told (done, all) as clips are finished.
        folder: cache folder; default `features` in the cache.
        cached: keep them; False leaves no trace of audio that is heard once.
    """
    tell = progress or (lambda done, total: None)
    if not cached:
        return _compute(slices, front_end, threads or _cores(), tell)
    description = {
        "front_end": front_end.record(),
        "slices": [
            [h, round(float(a), 6), round(float(b), 6)]
            for h, a, b in zip(slices["hash"], slices["start"], slices["end"], strict=True)
        ],
    }
    path = (folder or cache_folder("features")) / f"{key(json.dumps(description, sort_keys=True))}.safetensors"
    if (store := _read(path)) is not None:
        tell(len(store), len(store))
        return store
    store = _compute(slices, front_end, threads or _cores(), tell)
    _write(path, store)
    return store


def _compute(
    slices: pd.DataFrame, front_end: FrontEnd, threads: int, progress: Callable[[int, int], None]
) -> FeatureStore:
    """Decode, resample and transform every slice."""
    jobs = pieces_of(slices)
    clips: list[np.ndarray] = []
    problems: dict[int, str] = {}
    for i, (clip, problem) in enumerate(_each(jobs, front_end, threads)):
        clips.append(clip)
        if problem:
            problems[i] = problem
        progress(i + 1, len(jobs))
    frames = np.concatenate(clips) if clips else np.zeros((0, front_end.channels), np.float32)
    return FeatureStore(frames, np.array([len(c) for c in clips], np.int64), problems)


def _each(jobs: list[tuple[Piece, ...]], front_end: FrontEnd, threads: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield features (T, C) and problem of each job, in order."""

    def one(job: tuple[Piece, ...]) -> tuple[np.ndarray, str]:
        empty = np.zeros((0, front_end.channels), np.float32)
        try:
            wave = load_pieces(job, sample_rate=front_end.sample_rate)
            with torch.inference_mode():
                features = front_end(torch.from_numpy(wave)).T.contiguous().numpy()
        except AudioError as error:
            return empty, str(error).replace(job[0].path, "").strip(" :")  # the cache goes by content, not by path
        return (features, "") if np.isfinite(features).all() else (empty, "features are not finite")

    before = torch.get_num_threads()
    # Decoder, resampler and torch release the interpreter's lock: while one thread decodes, others resample and transform.
    torch.set_num_threads(1)  # threads inside a clip would only wait for each other
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(one, jobs)
    finally:
        torch.set_num_threads(before)


def _cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _checksum(frames: np.ndarray, lengths: np.ndarray) -> str:
    """Return the checksum of a store."""
    digest = hashlib.blake2b(np.ascontiguousarray(frames).data, digest_size=16)
    digest.update(np.ascontiguousarray(lengths).data)
    return digest.hexdigest()


def _write(path: Path, store: FeatureStore) -> None:
    """Write a store to the cache."""
    metadata = {"checksum": _checksum(store.frames, store.lengths), "problems": json.dumps(store.problems)}
    tensors = {"frames": store.frames, "lengths": store.lengths}
    atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))


def _read(path: Path) -> FeatureStore | None:
    """Read a store, or None where there is none or it is damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata()
            frames, lengths = file.get_tensor("frames"), file.get_tensor("lengths")
        problems = {int(i): text for i, text in json.loads(metadata["problems"]).items()}
        if metadata["checksum"] != _checksum(frames, lengths):
            raise ValueError("checksum differs")
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        log.warning("cached features %s are damaged (%s); they are computed again", path.name, error)
        return None
    return FeatureStore(frames, lengths, problems, cached=True)
