"""How far two domains lie apart in an embedding: MMD, proxy A-distance, accuracy of a domain classifier.

A transfer that hurts must be seen; every run measures the gap before and after adaptation.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from losses import MMD
from transfer.errors import NumericsError

__all__ = ["a_distance", "domain_accuracy", "domain_gap"]

FloatArray = npt.NDArray[np.float64]
_MOST_ROWS = 1000
_MOST_FOLDS = 5


def domain_gap(
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    source_groups: Sequence[str] | npt.NDArray,
    target_groups: Sequence[str] | npt.NDArray,
    seed: int = 0,
) -> dict[str, float]:
    """Measure the gap between the embeddings of two domains.

    Args:
        source: embeddings of source slices, (n, d).
        target: embeddings of target slices, (m, d).
        source_groups: the speaker of each source slice.
        target_groups: the speaker of each target slice.
        seed: of the subsample (at most 1000 rows a domain) and of the folds.

    Returns:
        `mmd` (`losses.MMD` with its defaults), `domain_accuracy` (0.5 where the domains cannot be told apart) and
        `a_distance` in [0, 2].

    Raises:
        ValueError: embeddings that are no matrices of equal width, have fewer than two rows, or do not match groups.
        NumericsError: embeddings that are not finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> groups = [f"s{i % 4}" for i in range(40)]
        >>> gap = domain_gap(rng.normal(0, 1, (40, 3)), rng.normal(9, 1, (40, 3)), groups, groups)
        >>> gap["domain_accuracy"], gap["a_distance"]
        (1.0, 2.0)
    """
    rng = np.random.default_rng(seed)
    source, source_groups = _sample("source", source, source_groups, rng)
    target, target_groups = _sample("target", target, target_groups, rng)
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"source embeddings have {source.shape[1]} columns, target {target.shape[1]}; expected as many"
        )
    with torch.no_grad():
        mmd = float(MMD()(torch.from_numpy(source), torch.from_numpy(target)))
    right = domain_accuracy(source, target, source_groups, target_groups, seed=seed)
    return {"mmd": mmd, "a_distance": a_distance(right), "domain_accuracy": right}


def a_distance(domain_accuracy: float) -> float:
    r"""Return the proxy A-distance of a domain classifier: d_A = 2 (1 - 2 err), err = 1 - accuracy.

    Ben-David et al., Analysis of representations for domain adaptation, NeurIPS 2006. A classifier worse than guessing
    shows no distance: the value is cut at 0.

    Example:
        >>> a_distance(1.0), a_distance(0.75), a_distance(0.45)
        (2.0, 1.0, 0.0)
    """
    return max(0.0, 2 * (1 - 2 * (1 - domain_accuracy)))


def domain_accuracy(
    source: FloatArray, target: FloatArray, source_groups: npt.NDArray, target_groups: npt.NDArray, *, seed: int = 0
) -> float:
    """Return the balanced accuracy of a linear domain classifier on speakers that it has not seen.

    Logistic regression on standardised embeddings, cross-validated in up to five folds that part the *speakers* of each
    domain: recognising a speaker does not help, so that what is measured is the domain. A domain of one speaker, where
    that cannot be done, is folded by rows, and its identity counts as domain.

    Args:
        source: (n, d).
        target: (m, d).
        source_groups: the speaker of each source row, (n,).
        target_groups: the speaker of each target row, (m,).
        seed: of the folds.

    Returns:
        the mean recall of the two domains over all held-out rows.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> groups = np.arange(100) % 10
        >>> 0.35 < domain_accuracy(x[:100], x[100:], groups, groups) < 0.65
        True
    """
    rng = np.random.default_rng(seed)
    parts = [_speakers_or_rows(groups) for groups in (source_groups, target_groups)]
    folds = min(_MOST_FOLDS, *(len(np.unique(part)) for part in parts))
    fold = np.concatenate([_folds(part, folds, rng) for part in parts])
    x, y = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    right = np.zeros(len(x), dtype=bool)
    for held_out in range(folds):
        test = fold == held_out
        classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=100))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # separable domains have no finite optimum
            classifier.fit(x[~test], y[~test])
        right[test] = classifier.predict(x[test]) == y[test]
    return float((right[y == 0].mean() + right[y == 1].mean()) / 2)


def _sample(
    name: str, values: npt.ArrayLike, groups: Sequence[str] | npt.NDArray, rng: np.random.Generator
) -> tuple[FloatArray, npt.NDArray]:
    """Check embeddings and return at most 1000 rows of them with their groups."""
    matrix, labels = np.asarray(values, dtype=np.float64), np.asarray(groups)
    if matrix.ndim != 2 or len(matrix) < 2:
        raise ValueError(f"{name} embeddings have shape {matrix.shape}; expected (rows, width) with two rows or more")
    if labels.shape != (len(matrix),):
        raise ValueError(f"{name} has {len(matrix)} embeddings but groups of shape {labels.shape}; expected one a row")
    if not np.isfinite(matrix).all():
        raise NumericsError(f"{int((~np.isfinite(matrix)).sum())} values of the {name} embeddings are not finite")
    if len(matrix) > _MOST_ROWS:
        rows = np.sort(rng.choice(len(matrix), _MOST_ROWS, replace=False))
        matrix, labels = matrix[rows], labels[rows]
    return matrix, labels


def _speakers_or_rows(groups: npt.NDArray) -> npt.NDArray[np.intp]:
    """Return the speaker number of each row; a row number where there is but one speaker."""
    codes = np.unique(groups, return_inverse=True)[1].astype(np.intp)
    return codes if codes.max() > 0 else np.arange(len(codes))


def _folds(codes: npt.NDArray[np.intp], folds: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Deal speakers out to folds at random; every fold gets one at least."""
    return (rng.permutation(int(codes.max()) + 1) % folds)[codes]
