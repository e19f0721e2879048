"""Confound probes: what predicts the label of a clip without listening to how it is spoken.

If loudness alone tells depressed from healthy, a network will learn loudness and a transfer will be credited with it.
Each probe is a histogram classifier of one confound under equal priors,

    k* = argmax_k p(b | k),   p(b | k) = (n_kb + 1/B) / (n_k + 1),   b the bin of the confound, B bins,

which is the best that can be made of that confound for the unweighted average recall. It is cross-validated over
speakers and set against the same with permuted labels (Ojala & Garriga, JMLR 2010). Labels are permuted within speakers
that have several classes and among speakers that have one, so that what belongs to the speaker stays with them; only
for the confound `speaker` itself they are permuted over all clips.
K classes, P permutations, N clips.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.errors import CorpusError

__all__ = ["CONFOUNDS", "Probe", "odd_labels", "probe_confounds", "single_class_speakers"]

CONFOUNDS = ("duration", "loudness", "peak", "snr", "sample_rate", "channels", "session", "sex", "age", "speaker")
BINS = 8
FOLDS = 5
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """How well one confound predicts the label.

    Args:
        confound: its name.
        uar: cross-validated unweighted average recall.
        chance: mean UAR with permuted labels.
        high: 95th percentile of UAR with permuted labels.
        p: share of permutations (and the data itself) that reach `uar`.
        folds: what is kept whole by the folds, `speaker` or `clip`.
    """

    confound: str
    uar: float
    chance: float
    high: float
    p: float
    folds: str

    @property
    def predicts(self) -> bool:
        """Whether the label can be told from the confound better than from permuted labels (p < 0.01)."""
        return self.p < 0.01

    def record(self) -> dict[str, Any]:
        """Return the figures, fit for JSON."""
        return {**asdict(self), "predicts": self.predicts}


def probe_confounds(table: pd.DataFrame, *, permutations: int = 500, seed: int = 0) -> list[Probe]:
    """Probe every confound that a corpus table has.

    Args:
        table: corpus table with any of the columns `CONFOUNDS`; columns that do not vary are passed over.
        permutations: P.
        seed: of folds and permutations.

    Returns:
        One probe a confound, the most telling first.

    Raises:
        CorpusError: for less than two classes, or fewer than 10 clips.

    Example:
        >>> n = np.arange(120)
        >>> rows = {"label": np.where(n % 2, "a", "b"), "speaker": (n // 20).astype(str), "duration": 1.0 + n % 2}
        >>> [(p.confound, p.predicts) for p in probe_confounds(pd.DataFrame(rows), permutations=200)]
        [('duration', True), ('speaker', False)]
    """
    if table["label"].nunique() < 2 or len(table) < 10:
        raise CorpusError(
            f"the corpus has {len(table)} clips of {table['label'].nunique()} classes; a probe needs 10 clips of 2 classes"
        )
    rng = np.random.default_rng(seed)
    labels = np.unique(table["label"], return_inverse=True)[1].astype(np.int64)
    speakers = np.unique(table["speaker"], return_inverse=True)[1].astype(np.int64)
    structured = _permutations(labels, speakers, permutations, rng)
    free = _permutations(labels, np.zeros_like(labels), permutations, rng)
    probes = []
    for confound in CONFOUNDS:
        values = table.get(confound)
        if values is None or values.nunique(dropna=False) < 2:
            continue
        within = confound == "speaker" or speakers.max() < 1
        folds = _folds(np.arange(len(table)) if within else speakers, rng)
        permuted = free if confound == "speaker" else structured
        scores = _scores(_codes(values), labels, permuted, folds)
        p = float((1 + (scores[1:] >= scores[0] - 1e-12).sum()) / len(scores))
        probes.append(
            Probe(
                confound,
                round(float(scores[0]), 4),
                round(float(scores[1:].mean()), 4),
                round(float(np.quantile(scores[1:], 0.95)), 4),
                round(p, 4),
                "clip" if within else "speaker",
            )
        )
    return sorted(probes, key=lambda probe: (probe.p, probe.chance - probe.uar))


def single_class_speakers(table: pd.DataFrame) -> list[str]:
    """Return the speakers whose clips all have one class, in a corpus where not all speakers are so.

    Where some speakers have one class and others several, a network that knows the speaker knows the class of some.

    Example:
        >>> single_class_speakers(pd.DataFrame({"speaker": ["s", "t", "t"], "label": ["a", "a", "b"]}))
        ['s']
    """
    known = table[(table["speaker"] != "") & ~odd_labels(table)]
    classes = known.groupby("speaker")["label"].nunique()
    return sorted(classes.index[classes == 1]) if (classes > 1).any() else []


def odd_labels(table: pd.DataFrame) -> pd.Series:
    """Mark the only clip of a speaker that has another class than the rest, in a corpus where most speakers have one class.

    Where the class is a diagnosis, such a clip is a slip of the pen, or somebody else's.

    Example:
        >>> rows = {"speaker": list("sssstttuuu"), "label": list("aaabbbbaaa")}
        >>> odd_labels(pd.DataFrame(rows)).to_numpy().nonzero()[0]
        array([3])
    """
    by_speaker = table.groupby("speaker")["label"]
    classes, clips = by_speaker.transform("nunique"), by_speaker.transform("size")
    alike = table.groupby(["speaker", "label"])["label"].transform("size")
    known = table["speaker"] != ""
    one_class = classes[known].groupby(table["speaker"]).first() == 1
    mostly = bool(one_class.mean() > 0.5) if len(one_class) else False
    return known & (classes == 2) & (clips >= 4) & (alike == 1) & mostly


def _codes(values: pd.Series) -> Ints:
    """Return the bin of each clip: quantiles of numbers, the values themselves of text."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > BINS:
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, values.to_numpy(float), side="right")
        codes[values.isna()] = len(edges) + 1
        return codes.astype(np.int64)
    return pd.factorize(values, use_na_sentinel=False)[0].astype(np.int64)


def _folds(groups: Ints, rng: np.random.Generator) -> Ints:
    """Return the fold of each clip, groups kept whole and folds of about the same number of groups."""
    number = int(groups.max()) + 1
    order = rng.permutation(number)
    folds: Ints = (np.arange(number) % min(FOLDS, number))[np.argsort(order)][groups]
    return folds


def _permutations(labels: Ints, speakers: Ints, number: int, rng: np.random.Generator) -> Ints:
    """Return the labels themselves and permuted ones, (1 + P, N)."""
    several = np.array([len(np.unique(labels[speakers == s])) > 1 for s in range(speakers.max() + 1)])
    rows = [np.flatnonzero(speakers == s) for s in np.flatnonzero(several)]
    alone = [np.flatnonzero(speakers == s) for s in np.flatnonzero(~several)]
    result = np.tile(labels, (number + 1, 1))
    for permuted in result[1:]:
        for own in rows:
            permuted[own] = rng.permutation(labels[own])
        for own, other in zip(alone, rng.permutation(len(alone)), strict=True):
            permuted[own] = labels[alone[other][0]]
    return result


def _scores(codes: Ints, labels: Ints, permuted: Ints, folds: Ints) -> npt.NDArray[np.float64]:
    """Return the cross-validated UAR for every row of labels, (1 + P,)."""
    classes, bins, runs = int(labels.max()) + 1, int(codes.max()) + 1, len(permuted)
    hits, sizes = np.zeros((runs, classes)), np.zeros((runs, classes))
    cells = permuted * bins + codes  # (1 + P, N)
    for fold in range(int(folds.max()) + 1):
        train, test = folds != fold, folds == fold
        counts = np.stack([np.bincount(row, minlength=classes * bins) for row in cells[:, train]])
        counts = counts.reshape(runs, classes, bins).astype(np.float64)
        likelihood = (counts + 1 / bins) / (counts.sum(axis=2, keepdims=True) + 1)
        decided = likelihood.argmax(axis=1)[:, codes[test]]  # (1 + P, test clips)
        truth = permuted[:, test]
        for k in range(classes):
            hits[:, k] += ((decided == k) & (truth == k)).sum(axis=1)
            sizes[:, k] += (truth == k).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(hits / sizes, axis=1))
