"""Standardisation of features: whose mean and deviation, and where they were measured.

z = (x - mean) / (std + 1e-5), one mean and std for each channel over valid frames; or, warped, the normal deviate of the rank
(`transfer.data.warping`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from transfer.data.warping import Ranks
from transfer.errors import RecipeError

__all__ = ["Moments", "Normaliser"]

EPSILON = 1e-5


@dataclass
class Moments:
    """Mean and standard deviation of each channel over frames, (C,)."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, clips: Collection[np.ndarray]) -> Moments:
        """Measure over clips of shape (T, C), in float64 and in passes, so that long corpora lose nothing.

        Example:
            >>> moments = Moments.of([np.array([[0.0], [2.0]]), np.array([[4.0]])])
            >>> moments.mean, moments.std.round(3)
            (array([2.]), array([1.633]))
        """
        if not len(clips):
            raise RecipeError("normalisation: there is no clip to measure the statistics on; expected at least one")
        frames, total = 0, np.float64(0)
        for clip in clips:  # one look for both: each may come from the disk
            frames, total = frames + len(clip), total + clip.sum(0, dtype=np.float64)
        mean = total / frames
        variance = sum(((c - mean) ** 2).sum(0, dtype=np.float64) for c in clips) / frames
        return cls(np.asarray(mean), np.sqrt(np.asarray(variance)))

    def apply(self, clip: np.ndarray) -> np.ndarray:
        """Return a clip (T, C), standardised, as float32."""
        return np.asarray((clip - self.mean) / (self.std + EPSILON), np.float32)


@dataclass
class Normaliser:
    """Statistics by group, and which group each slice belongs to.

    Args:
        kind: `none`; `clip`, each slice by itself; `train`, one for all, from the training slices whose labels are used;
            `corpus`, each corpus by its own slices that training may see, unlabelled ones too; `speaker`, each
            speaker by all of the speaker's slices (no labels used; a new speaker needs some speech first); `voice`, the
            same for voices that were found by ear, where speakers are not known (`transfer.data.voices`).
        moments: group -> its statistics.
        fitted: group -> the row positions that its statistics were measured on, which the leakage audit looks at.
        warping: ranks in the place of mean and deviation; by speaker or voice.
    """

    kind: str
    moments: dict[Hashable, Moments | Ranks] = field(default_factory=dict)
    fitted: dict[Hashable, tuple[int, ...]] = field(default_factory=dict)
    warping: bool = False

    def fit(self, slices: pd.DataFrame, clip: Callable[[int], np.ndarray]) -> Normaliser:
        """Measure the statistics.

        Args:
            slices: slice table with columns corpus, speaker, part, labelled and visible, and voice where those count.
            clip: row position in the table -> features (T, C).
        """
        if self.kind in ("none", "clip"):
            return self
        chosen = {"train": "labelled", "corpus": "visible"}.get(self.kind)
        mask = slices[chosen].astype(bool) if chosen else slices[self.who] != ""
        positions = pd.Series(range(len(slices)), index=slices.index)[mask]
        if not mask.any():
            raise RecipeError(
                f"normalisation: {self.kind} has no slice to be measured on (no training slice with a label that may be used); "
                "choose normalisation: corpus, which needs no labels"
            )
        for name, rows in positions.groupby(self.groups(slices)[mask]):
            self.fitted[name] = tuple(int(i) for i in rows)
            measure = Ranks.of if self.warping else Moments.of
            self.moments[name] = measure(_Clips(clip, self.fitted[name]))
        return self

    @property
    def who(self) -> str:
        """The column of the slice table whose values have statistics of their own."""
        return "voice" if self.kind == "voice" else "speaker"

    def groups(self, slices: pd.DataFrame) -> pd.Series:
        """Return the group whose statistics each slice is standardised by, '' for its own alone.

        Args:
            slices: slice table with columns corpus and speaker, or voice.
        """
        if self.kind == "corpus":
            return slices["corpus"].astype(str)
        if self.kind in ("speaker", "voice"):
            return slices["corpus"].astype(str) + "/" + slices[self.who]
        return pd.Series("all" if self.kind == "train" else "", index=slices.index)

    def apply(self, corpus: str, who: str, clip: np.ndarray) -> np.ndarray:
        """Return a clip (T, C) of a speaker or voice, standardised by the statistics of its group."""
        if self.kind == "none":
            return clip
        if self.kind == "clip":
            return Moments.of([clip]).apply(clip)
        return self.statistics({"train": "all", "corpus": corpus}.get(self.kind, f"{corpus}/{who}")).apply(clip)

    def statistics(self, group: Hashable) -> Moments | Ranks:
        """Return the statistics of a group.

        Raises:
            RecipeError: where it has none.
        """
        if group not in self.moments:
            raise RecipeError(
                f"normalisation: {self.kind} has no statistics for {group!r}; it was fitted on {sorted(map(str, self.moments))}"
            )
        return self.moments[group]

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint keeps: statistics of all or of corpora, never of speakers or voices."""
        kept = {} if self.kind in ("speaker", "voice") else self.moments
        return {f"{name}.{part}": getattr(m, part) for name, m in kept.items() for part in ("mean", "std")}


@dataclass(frozen=True)
class _Clips(Collection[np.ndarray]):
    """Clips that are looked up one by one in each pass, so that a corpus on the disk need not be in memory."""

    clip: Callable[[int], np.ndarray]
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.clip, self.rows)

    def __contains__(self, clip: object) -> bool:
        return any(clip is each for each in self)
