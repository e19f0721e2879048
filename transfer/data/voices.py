"""Who speaks, where no one has written it down: voices found by ear among the clips of a corpus.

Axis letters: N clips, D numbers that describe the voice of a clip (`feature_extractors.frontends.Voice`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["assign_voices", "find_voices", "voices_of", "within_speakers"]

FEWEST = 10  # clips; statistics of fewer would say more of their words than of the voice


def within_speakers(vectors: np.ndarray, speakers: Sequence[str]) -> np.ndarray:
    """Return how vectors vary while the speaker stays the same: the covariance around each speaker's mean, (D, D).

    Args:
        vectors: standardised, (N, D).
        speakers: of each, (N,).

    Example:
        >>> within_speakers(np.array([[0.0], [2.0], [10.0], [12.0]]), ["a", "a", "b", "b"])
        array([[1.]])
    """
    rest = vectors - pd.DataFrame(vectors).groupby(np.asarray(speakers)).transform("mean").to_numpy()
    return np.asarray(rest.T @ rest / len(rest))


def find_voices(vectors: np.ndarray, within: np.ndarray, *, voices: int = 3, fewest: int = FEWEST) -> np.ndarray:
    """Part clips into voices without labels: Ward's clustering of whitened vectors.

    Vectors are multiplied by (W + w I)^(-1/2), W their covariance within a speaker and w the mean of its diagonal, so
    that a difference counts for little where one speaker differs as much from clip to clip: by what is said, or felt.
    A group of fewer than `fewest` clips joins the one whose mean is nearest.

    References: Hatch et al., Within-class covariance normalization, Interspeech 2006; Ward, JASA 1963.

    Args:
        vectors: standardised, (N, D).
        within: W, measured where speakers are known, (D, D).
        voices: how many to find; too many takes emotions for voices, too few a voice for another.
        fewest: clips of a voice.

    Returns:
        The voice of each clip, numbered from 0 in the order of appearance, (N,).

    Example:
        >>> find_voices(np.array([[0.0], [9.0], [0.1], [9.1]]), np.eye(1), voices=2, fewest=1)
        array([0, 1, 0, 1])
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    values, axes = np.linalg.eigh(within + np.eye(len(within)) * max(np.trace(within) / len(within), 1e-9))
    white = vectors @ (axes / np.sqrt(values))
    groups = fcluster(linkage(white, "ward"), voices, criterion="maxclust")
    while True:
        names, sizes = np.unique(groups, return_counts=True)
        if len(names) == 1 or sizes.min() >= fewest:
            return np.asarray(pd.factorize(groups)[0])
        small, rest = names[sizes.argmin()], np.delete(names, sizes.argmin())
        means = np.stack([white[groups == name].mean(0) for name in rest])
        own = white[groups == small].mean(0)
        groups[groups == small] = rest[((means - own) ** 2).sum(1).argmin()]


def assign_voices(
    slices: pd.DataFrame, vectors: np.ndarray, *, target: str, voices: int = 3
) -> tuple[pd.Series, np.ndarray]:
    """Return the voice of every slice: its speaker in a source that names them, a found one elsewhere.

    The target's speakers are not looked at. What training may hear of a corpus is parted by itself and each hidden part
    by itself, so that no statistic of a voice has test audio in it that training must not hear.

    Args:
        slices: slice table with columns corpus, speaker, part and visible.
        vectors: of its rows, (N, D).
        target: corpus whose speakers are not used.
        voices: how many to find in each.

    Returns:
        The voices, and how vectors vary within the sources' speakers: what `voices_of` finds those of other audio by, (D, D).

    Example:
        >>> rows = {"corpus": list("aabb"), "speaker": list("xyzz"), "part": "train", "visible": True}
        >>> assign_voices(pd.DataFrame(rows), np.eye(4), target="b")[0].tolist()
        ['x', 'y', 'b/ voice 0', 'b/ voice 0']
    """
    hidden = slices["part"].astype(str).where(~slices["visible"].astype(bool), "")
    apart = (slices["corpus"].astype(str) + "/" + hidden).to_numpy()
    groups = {name: apart == name for name in dict.fromkeys(apart)}
    standard = np.empty_like(vectors, float)
    for own in groups.values():
        standard[own] = _standardised(vectors[own])
    known = ((slices["corpus"] != target) & (slices["speaker"] != "")).to_numpy()
    heard = known & slices["visible"].to_numpy(bool)
    speakers = (slices["corpus"].astype(str) + "/" + slices["speaker"]).to_numpy()
    within = within_speakers(standard[heard], speakers[heard]) if heard.any() else np.eye(vectors.shape[1])
    result = slices["speaker"].to_numpy(object, copy=True)
    for name, own in groups.items():
        rows = np.flatnonzero(own & ~known)
        found = find_voices(standard[rows], within, voices=voices)
        result[rows] = [f"{name} voice {i}" for i in found]
    voices_found: pd.Series = pd.Series(result, index=slices.index, name="voice")
    return voices_found, within


def voices_of(vectors: np.ndarray, within: np.ndarray, *, voices: int = 3) -> list[str]:
    """Return the voices of audio that no training heard, found as those of the target were.

    Args:
        vectors: of its clips, (N, D).
        within: what `assign_voices` returned, (D, D).
        voices: how many to find.

    Example:
        >>> voices_of(np.eye(2), np.eye(2))
        ['voice 0', 'voice 0']
    """
    return [f"voice {i}" for i in find_voices(_standardised(vectors), within, voices=voices)]


def _standardised(vectors: np.ndarray) -> np.ndarray:
    """Return vectors with mean 0 and deviation 1 in each number."""
    result: np.ndarray = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-8)
    return result
