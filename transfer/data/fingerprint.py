"""Near copies: the same recording in another file, resampled, at another gain, coded or trimmed.

Each frame of a file is a word of 32 bits, bit m of which says whether the energy difference between neighbouring bands
grew since the last frame:

    F(t, m) = 1 if  [E(t, m) - E(t, m+1)] - [E(t-1, m) - E(t-1, m+1)] > 0

Files that share words at one offset are candidates; they are copies if few enough bits differ there.

Reference: Haitsma and Kalker, A highly robust audio fingerprinting system, ISMIR 2002.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from transfer.data.audio import Waveform, load_audio
from transfer.data.cache import atomic_write, cache_folder, key
from transfer.errors import AudioError

__all__ = ["Copy", "fingerprint", "fingerprints", "near_copies"]

RATE, WINDOW, HOP = 6000, 2048, 64  # Hz, samples: frames of 0.34 s, 94 a second
LOW, HIGH, BITS = 300.0, 2000.0, 32  # Hz: what a telephone and every codec keep
QUIET = 1e-4  # of the loudest frame's energy: what lies 40 dB below it is noise, in which bits mean nothing
BLOCK = 2048  # frames transformed at once, so that an hour takes no more memory than a minute
LEAST = 24  # frames that must be compared: files below 0.6 s are too short to tell
ERRORS = 0.25  # share of bits that may differ; Haitsma and Kalker allow 0.35 over 3 s, and clips of speech are shorter
NEIGHBOURS = 16  # files compared with each file that has a word: words of more files tell little
VOTES = 2  # words that two files must share at one offset

Words = npt.NDArray[np.uint32]


class Copy(NamedTuple):
    """Two files that sound alike: their names, the share of bits that differ, and the frames compared.

    Example:
        >>> Copy("a", "b", 0.02, 200).errors
        0.02
    """

    first: str
    second: str
    errors: float
    frames: int


def fingerprint(wave: Waveform) -> Words:
    """Return the words of a waveform at 6 kHz; 0 where nothing is heard.

    Args:
        wave: samples.

    Shape:
        - wave: (T,)
        - output: (frames,), uint32; empty for less than 0.35 s

    Example:
        >>> noise = np.random.default_rng(0).normal(size=6000).astype(np.float32)
        >>> bool((fingerprint(noise) == fingerprint(0.1 * noise)).all())
        True
    """
    if len(wave) < WINDOW + HOP:
        return np.zeros(0, np.uint32)
    frames = sliding_window_view(wave, WINDOW)[::HOP]  # (T, WINDOW)
    edges = np.round(np.geomspace(LOW, HIGH, BITS + 2) * WINDOW / RATE).astype(int)
    window = np.hanning(WINDOW).astype(np.float32)
    energies = np.concatenate(
        [_energies(frames[at : at + BLOCK] * window, edges) for at in range(0, len(frames), BLOCK)]
    )  # (T, BITS + 1)
    growth = np.diff(energies[:, :-1] - energies[:, 1:], axis=0) > 0  # (T - 1, BITS)
    words: Words = np.ascontiguousarray(np.packbits(growth, axis=1)).view(np.uint32)[:, 0]
    total = energies.sum(axis=1)[1:]
    return np.where(total > QUIET * total.max(), words, np.uint32(0))


def fingerprints(paths: Mapping[str, str], *, threads: int = 2) -> dict[str, Words]:
    """Return the fingerprint of each file, from the cache where it is there; nothing for files that cannot be used.

    Args:
        paths: content hash -> a file that has it.
        threads: files decoded side by side.
    """
    recipe = f"{RATE} {WINDOW} {HOP} {LOW} {HIGH} {BITS} {QUIET}"
    folder = cache_folder("fingerprints", key(recipe)[:12])

    def one(digest: str) -> Words:
        file = folder / f"{digest}.npy"
        if file.is_file():
            try:
                return np.asarray(np.load(file, allow_pickle=False), np.uint32)
            except (ValueError, OSError):
                pass  # damaged: it is made again
        try:
            words = fingerprint(load_audio(Path(paths[digest]), sample_rate=RATE))
        except AudioError:
            return np.zeros(0, np.uint32)  # feature extraction says what is wrong with it

        def write(path: Path) -> None:
            with path.open("wb") as handle:
                np.save(handle, words, allow_pickle=False)

        atomic_write(file, write)
        return words

    with ThreadPoolExecutor(threads) as pool:
        return {name: words for name, words in zip(paths, pool.map(one, paths), strict=True) if len(words)}


def near_copies(words: Mapping[str, Words], *, errors: float = ERRORS) -> list[Copy]:
    """Find files that sound alike.

    Args:
        words: name -> fingerprint.
        errors: share of bits that may differ.

    Example:
        >>> noise = np.random.default_rng(0).normal(size=12000).astype(np.float32)
        >>> trimmed = {"a": fingerprint(noise), "b": fingerprint(0.5 * noise[1000:])}
        >>> [(copy.first, copy.second) for copy in near_copies(trimmed)]
        [('a', 'b')]
    """
    names, found = list(words), []
    for first, second, offset in _candidates(list(words.values())):
        best, frames = min(_compared(words[names[first]], words[names[second]], offset + d) for d in (-1, 0, 1))
        if best <= errors:
            found.append(Copy(names[first], names[second], best, frames))
    return found


def _energies(frames: Waveform, edges: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Return the energy of each band: (T, WINDOW) -> (T, BITS + 1)."""
    spectrum = rfft(frames, axis=1)[:, edges[0] : edges[-1]]
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.add.reduceat(power, edges[:-1] - edges[0], axis=1), np.float64)


def _candidates(words: list[Words]) -> list[tuple[int, int, int]]:
    """Return the pairs of files that share words at one offset: (first, second, frames by which second lies behind)."""
    file = np.repeat(np.arange(len(words)), [len(w) for w in words])
    time = np.concatenate([np.arange(len(w)) for w in words]) if words else np.zeros(0, int)
    word = np.concatenate(words).astype(np.int64) if words else np.zeros(0, np.int64)
    _, once = np.unique(word * max(len(words), 1) + file, return_index=True)  # a word that lasts counts once a file
    once = once[word[once] != 0]
    word, file, time = word[once], file[once], time[once]
    pairs = []
    for step in range(1, min(NEIGHBOURS, len(word) - 1) + 1):
        same = np.flatnonzero(word[step:] == word[:-step])
        pairs.append(np.stack([file[same], file[same + step], time[same] - time[same + step]], axis=1))
    if not pairs:
        return []
    seen, votes = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    strong = seen[votes >= VOTES][np.argsort(-votes[votes >= VOTES], kind="stable")]
    _, best = np.unique(strong[:, :2], axis=0, return_index=True)  # of each pair, the offset with most votes
    return [(int(a), int(b), int(offset)) for a, b, offset in strong[np.sort(best)]]


def _compared(first: Words, second: Words, offset: int) -> tuple[float, int]:
    """Return the share of bits in which two fingerprints differ where both are heard, and how many frames that is."""
    a, b = first[max(offset, 0) :], second[max(-offset, 0) :]
    length = min(len(a), len(b))
    heard = (a[:length] != 0) & (b[:length] != 0)
    frames = int(heard.sum())
    least = max(LEAST, 0.5 * min(np.count_nonzero(first), np.count_nonzero(second)))
    if frames < least:
        return 1.0, frames
    differing = np.unpackbits((a[:length] ^ b[:length])[heard].view(np.uint8)).sum()
    return float(differing) / (BITS * frames), frames
