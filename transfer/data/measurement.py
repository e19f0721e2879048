"""What each clip of a corpus sounds like in a few numbers: loudness, peak, clipping, signal-to-noise ratio.

These are what a corpus can be "solved" by without any emotion in it (`transfer.data.confounds`). S samples.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import soundfile

__all__ = ["MEASURES", "measure_clips", "measure_waveform"]

MEASURES = ("loudness", "peak", "clipped", "snr")
FRAME = 0.02  # s
FLOOR = 1e-10  # of full-scale power: -100 dB
AT_FULL_SCALE = 0.999
RUN = 3  # neighbouring samples at full scale that make a clipped stretch; a single one may be an honest peak
BLOCK = 60.0  # s decoded at a time


def measure_waveform(waveform: npt.NDArray[np.floating], sample_rate: int) -> dict[str, float]:
    """Measure a mono waveform.

    With P_t the power of the frame t of 20 ms: loudness = 10 log10 mean x^2; peak = 20 log10 max |x|; clipped = share of
    samples in runs of 3 or more at full scale; snr = 10 log10 of the 90th over the 10th percentile of P_t, an estimate
    that takes the quietest tenth of a clip for its noise.

    Args:
        waveform: samples of full scale 1, (S,).
        sample_rate: Hz.

    Returns:
        `loudness`, `peak` (dB of full scale), `clipped` (share), `snr` (dB).

    Example:
        >>> tone = 0.5 * np.sin(np.arange(16000) * 0.3)
        >>> {name: round(value) for name, value in measure_waveform(tone, 16000).items()}
        {'loudness': -9, 'peak': -6, 'clipped': 0, 'snr': 0}
    """
    return _summary([_block(waveform, sample_rate)])


def measure_clips(
    table: pd.DataFrame, *, threads: int = 2, progress: Callable[[int, int], None] = lambda done, total: None
) -> pd.DataFrame:
    """Measure every clip of a corpus table, decoding a minute at a time so that memory stays flat.

    Args:
        table: corpus table.
        threads: how many clips are decoded side by side.
        progress: is told (done, all).

    Returns:
        `loudness`, `peak`, `clipped`, `snr` of each clip, indexed as the table; NaN where a clip cannot be decoded.
    """
    done = count(1)

    def look(row: tuple[str, float, float]) -> dict[str, float]:
        measures = _measure(*row)
        progress(next(done), len(table))
        return measures

    rows = list(zip(table["path"], table["start"], table["end"], strict=True))
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        measured: pd.DataFrame = pd.DataFrame(list(pool.map(look, rows)), index=table.index, columns=list(MEASURES))
    return measured


def _measure(path: str, start: float, end: float) -> dict[str, float]:
    """Measure a stretch of a file."""
    blocks = []
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            first = round(start * rate)
            left = (file.frames if np.isnan(end) else min(round(end * rate), file.frames)) - first
            file.seek(min(first, file.frames))
            while left > 0 and len(samples := file.read(min(left, int(BLOCK * rate)), dtype="float32", always_2d=True)):
                left -= len(samples)
                blocks.append(_block(samples.mean(axis=1), rate))
    except (soundfile.SoundFileError, OSError, RuntimeError):
        return dict.fromkeys(MEASURES, np.nan)
    return _summary(blocks)


def _block(x: npt.NDArray[np.floating], rate: int) -> dict[str, Any]:
    """Return what the measures of a stretch are made of."""
    size = max(1, int(FRAME * rate))
    power = np.square(x, dtype=np.float64)
    frames = power[: len(x) // size * size].reshape(-1, size).mean(axis=1)
    full = np.abs(x) >= AT_FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(np.int8), [0]])))
    runs = edges[1::2] - edges[::2]
    return {
        "samples": len(x),
        "energy": float(power.sum()),
        "peak": float(np.abs(x).max(initial=0)),
        "clipped": int(runs[runs >= RUN].sum()),
        "frames": frames if len(frames) else power.mean(keepdims=True),
    }


def _summary(blocks: list[dict[str, Any]]) -> dict[str, float]:
    """Return the measures of the blocks of a clip."""
    samples = sum(block["samples"] for block in blocks)
    if not samples:
        return dict.fromkeys(MEASURES, np.nan)
    low, high = np.quantile(np.concatenate([block["frames"] for block in blocks]), [0.1, 0.9])
    return {
        "loudness": _decibel(sum(block["energy"] for block in blocks) / samples),
        "peak": _decibel(max(block["peak"] for block in blocks) ** 2),
        "clipped": sum(block["clipped"] for block in blocks) / samples,
        "snr": _decibel(high) - _decibel(low),
    }


def _decibel(power: float) -> float:
    """Return a power in dB of full scale."""
    return float(10 * np.log10(max(power, FLOOR)))
