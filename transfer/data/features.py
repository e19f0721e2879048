"""Features of a slice table, computed once: decoded, resampled and transformed on all cores, and kept clip by clip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from transfer.data.cache import cache_folder
from transfer.data.feature_cache import FeatureCache, Pack, clip_names
from transfer.data.pieces import Piece, load_pieces, pieces_of
from transfer.errors import AudioError

__all__ = ["FeatureStore", "FrontEnd", "StoredFeatures", "extract_features"]

PACK = 256 * 2**20
"""Bytes of features after which a file of the cache is written: what an interrupted extraction has done stays done."""


class FrontEnd(Protocol):
    """What feature extraction needs of a front end."""

    channels: int
    sample_rate: int

    def __call__(self, waveform: Tensor) -> Tensor:
        """Map (samples,) to (C, T)."""

    def record(self) -> dict[str, Any]:
        """Return the exact parameters."""


class FeatureStore:
    """Features of every slice of a table, in memory.

    Args:
        frames: all slices one after another, (total, C) float32.
        lengths: frames of each slice, (n,); 0 where the audio could not be used.
        problems: position of the slice -> why not.
        cached: whether nothing had to be computed.
    """

    def __init__(self, frames: np.ndarray, lengths: np.ndarray, problems: dict[int, str], cached: bool = False) -> None:
        self.frames, self.lengths, self.problems, self.cached = frames, lengths, problems, cached
        self.channels = frames.shape[1]
        self._ends = np.cumsum(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def clip(self, i: int) -> np.ndarray:
        """Return the features of slice i, (T, C)."""
        return self.frames[self._ends[i] - self.lengths[i] : self._ends[i]]


class StoredFeatures(FeatureStore):
    """Features of every slice of a table, on the disk: each is read when it is asked for.

    Args:
        places: pack and row of each slice.
        channels: C.
        cached: whether nothing had to be computed.
    """

    def __init__(self, places: Sequence[tuple[Pack, int]], *, channels: int, cached: bool) -> None:
        self._places, self.channels, self.cached = places, channels, cached
        self.lengths = np.array([pack.lengths[row] for pack, row in places], np.int64)
        self.checksums = np.array([pack.checksums[row] for pack, row in places], np.int64)
        self.problems = {i: pack.problems[row] for i, (pack, row) in enumerate(places) if row in pack.problems}

    @property
    def frames(self) -> np.ndarray:  # type: ignore[override]
        """All slices one after another, (total, C), read into memory."""
        frames, end = np.empty((int(self.lengths.sum()), self.channels), np.float32), 0
        for i, length in enumerate(self.lengths):
            frames[end : end + length] = self.clip(i)
            end += length
        return frames

    def clip(self, i: int) -> np.ndarray:
        """Read the features of slice i, (T, C)."""
        pack, row = self._places[i]
        return pack.clip(row)


def extract_features(
    slices: pd.DataFrame,
    front_end: FrontEnd,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    folder: Path | None = None,
    cached: bool = True,
    stored: bool = False,
) -> FeatureStore:
    """Return the features of every slice; of those that the cache has, nothing is computed.

    Args:
        slices: slice table with columns path, start and end (s), and hash where they are kept.
        front_end: waveform -> features.
        threads: slices decoded, resampled and transformed at once, each by one thread; default: one a core. Neither
            numbers nor order depend on it.
        progress: is told (done, all) as clips are finished.
        folder: cache folder; default `features` in the cache.
        cached: keep them; False leaves no trace of audio that is heard once.
        stored: leave them on the disk, and read a slice when it is asked for.
    """
    tell, threads = progress or (lambda done, total: None), threads or _cores()
    jobs = pieces_of(slices)
    if not cached:
        return _in_memory(jobs, front_end, threads, tell)
    cache = FeatureCache(folder or cache_folder("features"), front_end.record())
    names = clip_names(slices)
    found = cache.find(set(names))
    missing = {name: job for name, job in zip(names, jobs, strict=True) if name not in found}
    if missing:
        _fill(cache, missing, front_end, threads, tell)
        found |= cache.find(set(missing))
    tell(len(names), len(names))
    store = StoredFeatures([found[name] for name in names], channels=front_end.channels, cached=not missing)
    return store if stored else FeatureStore(store.frames, store.lengths, store.problems, store.cached)


def _in_memory(
    jobs: Sequence[tuple[Piece, ...]], front_end: FrontEnd, threads: int, progress: Callable[[int, int], None]
) -> FeatureStore:
    """Compute features that leave no trace."""
    clips: list[np.ndarray] = []
    problems: dict[int, str] = {}
    for i, (clip, problem) in enumerate(_each(jobs, front_end, threads)):
        clips.append(clip)
        if problem:
            problems[i] = problem
        progress(i + 1, len(jobs))
    frames = np.concatenate(clips) if clips else np.zeros((0, front_end.channels), np.float32)
    return FeatureStore(frames, np.array([len(c) for c in clips], np.int64), problems)


def _fill(
    cache: FeatureCache,
    missing: Mapping[str, tuple[Piece, ...]],
    front_end: FrontEnd,
    threads: int,
    progress: Callable[[int, int], None],
) -> None:
    """Compute the features that the cache lacks, and write them pack by pack."""
    names, first = list(missing), 0
    clips: list[np.ndarray] = []
    problems: dict[int, str] = {}
    size = 0
    for done, (clip, problem) in enumerate(_each(list(missing.values()), front_end, threads), start=1):
        if problem:
            problems[len(clips)] = problem
        clips.append(clip)
        size += clip.nbytes
        progress(done, len(names))
        if size >= PACK or done == len(names):
            cache.write(names[first:done], clips, problems)
            clips, problems, size, first = [], {}, 0, done


def _each(jobs: Sequence[tuple[Piece, ...]], front_end: FrontEnd, threads: int) -> Iterator[tuple[np.ndarray, str]]:
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
