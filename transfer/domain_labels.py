"""Which rows are source and which target, in skada's convention: `sample_domain` positive, negative, or told by masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Sides", "masked", "sides_of"]

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sides:
    """Rows by domain.

    Args:
        sources: name -> its rows; each positive number is a source of its own.
        target: rows of the target; all negative numbers are one.
        may_be_masked: whether the label of a row may be masked, (N,).
        both: whether nothing told them apart, so that every row is on both sides.
    """

    sources: dict[str, Rows]
    target: Rows
    may_be_masked: npt.NDArray[np.bool_]
    both: bool = False


def masked(y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which labels are masks: -1 among numbers, '' (or '-1') among text.

    Example:
        >>> masked(np.array([0, -1])).tolist(), masked(np.array(["sad", ""])).tolist()
        ([False, True], [False, True])
    """
    if np.issubdtype(y.dtype, np.number):
        return np.asarray(y == -1)
    return np.array([str(label) in ("", "-1") for label in y], dtype=bool)


def sides_of(y: npt.NDArray[Any], sample_domain: Any) -> Sides:
    """Return which rows are source and which target.

    Args:
        y: labels; only their masks are looked at.
        sample_domain: a number for each row, or one for all, or None: then masked rows are the target. Labels of which one
            alone would be left, such as -1 and 1, are classes and no masks.

    Raises:
        ValueError: for numbers that say no domain, a mask in a source row, or another count of rows.

    Example:
        >>> sides = sides_of(np.array([0, 1, -1]), [1, 3, -2])
        >>> {name: rows.tolist() for name, rows in sides.sources.items()}, sides.target.tolist()
        ({'source_1': [0], 'source_3': [1]}, [2])
    """
    n, hidden = len(y), masked(y)
    every, nobody = np.arange(n), np.zeros(n, dtype=bool)
    if sample_domain is None:
        if not hidden.any() or len(np.unique(y[~hidden])) < 2:
            return Sides({"source_1": every}, every, nobody, both=True)
        return Sides({"source_1": every[~hidden]}, every[hidden], hidden)
    domain = np.asarray(sample_domain)
    domain = np.full(n, domain) if domain.ndim == 0 else domain
    if domain.shape != (n,):
        raise ValueError(f"sample_domain has shape {domain.shape}; expected a number for each of the {n} rows")
    if not np.issubdtype(domain.dtype, np.number) or (domain == 0).any() or (domain != np.round(domain)).any():
        raise ValueError(
            "sample_domain holds what is no domain; expected positive (source) and negative (target) numbers"
        )
    if (hidden & (domain > 0)).any() and (hidden & (domain < 0)).any():
        raise ValueError(
            "-1 masks a label of a target row, and rows of a source have it as a class; name classes from 0"
        )
    sources = {f"source_{int(number)}": every[domain == number] for number in np.unique(domain[domain > 0])}
    return Sides(sources, every[domain < 0], domain < 0)
