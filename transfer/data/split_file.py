"""Frozen parts: a CSV file with the part of every slice, and the hash that a recipe can demand.

A slice is named by its corpus, the content hash of its audio and its extent, so that the file names no person and no
folder, and fits the same recordings wherever they lie. The hash is that of the parts, not of the file's bytes: it is
the same for parts that were drawn and for the file that keeps them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from transfer.data.cache import atomic_write
from transfer.data.split import PARTS
from transfer.data.tables import read_text_table
from transfer.errors import SplitError

__all__ = ["check_hash", "frozen_parts", "read_split", "split_hash", "split_table", "write_split"]

COLUMNS = ("corpus", "audio", "start", "end", "part")


def split_table(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of slices as a split file keeps them, sorted.

    Args:
        slices: slice table with columns corpus, hash, start, end (s) and part.

    Example:
        >>> row = {"corpus": "own", "hash": "3f", "start": 0.0, "end": 2.5, "part": "test"}
        >>> split_table(pd.DataFrame([row])).values.tolist()
        [['own', '3f', '0.000', '2.500', 'test']]
    """
    table = pd.DataFrame(
        {
            "corpus": slices["corpus"].astype(str),
            "audio": slices["hash"].astype(str),
            "start": [f"{second:.3f}" for second in slices["start"]],
            "end": [f"{second:.3f}" for second in slices["end"]],
            "part": slices["part"].astype(str),
        }
    )
    ordered: pd.DataFrame = table.sort_values(list(COLUMNS), ignore_index=True)
    return ordered


def split_hash(table: pd.DataFrame) -> str:
    """Return the hash of parts.

    Args:
        table: what `split_table` or `read_split` gave.

    Example:
        >>> split_hash(pd.DataFrame([["own", "3f", "0.000", "2.500", "test"]], columns=list(COLUMNS)))[:15]
        'sha256:d656b375'
    """
    return "sha256:" + hashlib.sha256(_text(table).encode()).hexdigest()


def write_split(path: Path, table: pd.DataFrame) -> None:
    """Write a split file.

    Args:
        path: the file.
        table: what `split_table` gave.

    Raises:
        SplitError: if copies of one recording are in two parts, which a file that names audio by its content cannot say.
    """
    twice = table[~table.duplicated()].duplicated(list(COLUMNS[:4]))
    if twice.any():
        raise SplitError(
            f"{int(twice.sum())} slices are copies of a slice in another part; a split file names audio by its "
            "content, so remove the copies first"
        )
    atomic_write(path, lambda temporary: temporary.write_text(_text(table), encoding="utf-8", newline="\n"))


def read_split(path: Path) -> pd.DataFrame:
    """Read a split file.

    Args:
        path: the file.

    Raises:
        SplitError: if it is not there, lacks a column, or names a part that there is not.
    """
    if not path.is_file():
        raise SplitError(f"split.file: {path} does not exist; write it by `transfer split RECIPE --out {path.name}`")
    rows = [row for _, row in read_text_table(path)]
    lacking = [name for name in COLUMNS if rows and name not in rows[0]]
    if lacking or not rows:
        raise SplitError(
            f"split.file: {path} has no {'column ' + lacking[0] if lacking else 'rows'}; expected {COLUMNS}"
        )
    table = pd.DataFrame(rows)[list(COLUMNS)]
    strange = sorted(set(table["part"]) - set(PARTS))
    if strange:
        raise SplitError(f"split.file: {path} names the part {strange[0]!r}; expected one of {', '.join(PARTS)}")
    ordered: pd.DataFrame = table.sort_values(list(COLUMNS), ignore_index=True)
    return ordered


def check_hash(found: str, demanded: str | None, what: str) -> None:
    """Refuse parts that are not those a recipe demands.

    Args:
        found: their hash.
        demanded: the recipe's `split.hash`; None demands nothing.
        what: what they are, for the message.

    Raises:
        SplitError: if the hashes differ.

    Example:
        >>> check_hash("sha256:1c", None, "drawn")
    """
    if demanded is not None and found != demanded:
        raise SplitError(
            f"split.hash: the parts {what} have the hash {found}, the recipe demands {demanded}; "
            "someone changed the parts, the corpus, its slicing or labels; restore them, or freeze the split anew"
        )


def frozen_parts(table: pd.DataFrame, slices: pd.DataFrame, *, corpus: str) -> pd.Series:
    """Return the part that a split file gives each slice of a corpus.

    Args:
        table: what `read_split` gave.
        slices: slice table of the corpus with columns hash, start and end (s).
        corpus: its name.

    Raises:
        SplitError: if the file and the corpus do not hold the same slices.

    Example:
        >>> table = pd.DataFrame([["own", "3f", "0.000", "2.500", "test"]], columns=list(COLUMNS))
        >>> frozen_parts(table, pd.DataFrame({"hash": ["3f"], "start": [0.0], "end": [2.5]}), corpus="own").to_list()
        ['test']
    """
    own = table[table["corpus"] == corpus]
    found = split_table(slices.assign(corpus=corpus, part="")).drop(columns="part")
    keys = list(COLUMNS[1:4])
    both = set(map(tuple, own[keys].to_numpy())) & set(map(tuple, found[keys].to_numpy()))
    missing, strange = (sum(tuple(key) not in both for key in t[keys].to_numpy()) for t in (own, found))
    if missing or strange:
        raise SplitError(
            f"split.file does not fit corpus {corpus!r}: {missing} of its {len(own)} slices are not in the corpus, and "
            f"{strange} of the corpus's {len(found)} slices are not in the file; use the corpus, slicing and labels that "
            "it was written for, or freeze the split anew"
        )
    if torn := int(own.groupby(keys)["part"].nunique().gt(1).sum()):
        raise SplitError(f"split.file gives {torn} slices of corpus {corpus!r} two parts; freeze the split anew")
    part_of = dict(zip(map(tuple, own[keys].to_numpy()), own["part"], strict=True))
    rows = zip(slices["hash"], slices["start"], slices["end"], strict=True)
    named = [part_of[h, f"{a:.3f}", f"{b:.3f}"] for h, a, b in rows]
    parts: pd.Series = pd.Series(named, index=slices.index, dtype=object)
    return parts


def _text(table: pd.DataFrame) -> str:
    """Return a split file's text."""
    return str(table.to_csv(index=False, columns=list(COLUMNS), lineterminator="\n"))
