"""Parquet tables that come with a corpus or a run: text, numbers and yes or no, and no more than fits into memory.

A small file may unfold into any size: by compression, and by columns that refer to one long text a million times. So
sizes are looked up before anything is read, columns of text are kept as references until their length is known, and
what the file says about itself is not relied upon: cells and bytes are counted as they come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transfer.errors import CorpusError

__all__ = ["Cell", "read_parquet_table"]

LARGEST, MOST_CELLS = 500_000_000, 10_000_000  # bytes unpacked, and rows times columns, of a table
PORTION = 250_000  # rows
_INDEX = re.compile(r"__index_level_\d+__")  # pandas writes an index without a name so
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

Cell = str | float | bool | None
"""Whole numbers are kept as such."""


def read_parquet_table(path: Path, *, named: Callable[[str], str] = str) -> dict[str, list[Cell]]:
    """Read the columns of a table; durations become s.

    Args:
        path: the file.
        named: brings the name of a column to the form under which it is known.

    Raises:
        CorpusError: if the file is no Parquet, has more than `MOST_CELLS` cells or `LARGEST` bytes unpacked, names a
            column twice, or a column holds what is no text, number or yes or no (lists, bytes, dates).

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "manifest.parquet"
        >>> pq.write_table(pa.table({"path": ["a.wav"], "Label": ["joy"], "end": [1.5]}), path)
        >>> read_parquet_table(path, named=str.lower)
        {'path': ['a.wav'], 'label': ['joy'], 'end': [1.5]}
    """
    try:
        return _read(path, named)
    except (OSError, ValueError, MemoryError, OverflowError, pa.ArrowException) as error:
        if isinstance(error, CorpusError):
            raise
        said = str(error) or type(error).__name__
        raise CorpusError(f"{path}: not readable as Parquet ({said}); write it anew, or as CSV") from None


def _read(path: Path, named: Callable[[str], str]) -> dict[str, list[Cell]]:
    """Look at the kinds and sizes that the file declares, then read column by column."""
    with pq.ParquetFile(path) as file:
        _check_size(path, file.metadata)
        kinds = [(field.name, field.type) for field in file.schema_arrow if not _INDEX.fullmatch(field.name)]
    names = [named(name) for name, _ in kinds]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise CorpusError(f"{path}: the column {repeated[0]!r} stands there more than once")
    for name, kind in kinds:
        _check_kind(path, name, kind)
    texts = [name for name, kind in kinds if _is_text(kind)]
    columns: dict[str, list[Cell]] = {}
    room = LARGEST
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for known, (name, _) in zip(names, kinds, strict=True):
            cells: list[Cell] = []
            for portion in _portions(file, name):
                room -= _size(portion)
                if room < 0 or len(cells) + len(portion) > MOST_CELLS:
                    raise _too_large(path)
                cells += _cells(portion)
            columns[known] = cells
    if len({len(cells) for cells in columns.values()}) > 1:
        raise ValueError("its columns are of different lengths")
    return columns


def _check_size(path: Path, metadata: pq.FileMetaData) -> None:
    """Raise if the file says of itself that it is too large."""
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows * metadata.num_columns > MOST_CELLS or size > LARGEST:
        raise _too_large(path)


def _too_large(path: Path) -> CorpusError:
    """Return the refusal of a table that is too large."""
    return CorpusError(
        f"{path}: more than {LARGEST} bytes unpacked or {MOST_CELLS} cells (rows times columns), which is the most that "
        "is read of a Parquet table; leave out columns or rows, or write it as CSV"
    )


def _check_kind(path: Path, name: str, kind: pa.DataType) -> None:
    """Raise if a column holds what is no text, number or yes or no."""
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_duration(kind)
    if not (number or pa.types.is_boolean(kind) or pa.types.is_null(kind) or _is_text(kind)):
        raise CorpusError(
            f"{path}: the column {name!r} holds {kind} in all its rows; expected text, numbers, or true and false: "
            "write it as text, or leave it out"
        )


def _is_text(kind: pa.DataType) -> bool:
    """Say whether a column holds text, each word of it kept once or not."""
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(test(held) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _portions(file: pq.ParquetFile, name: str) -> Iterator[pa.Array]:
    """Read a column in portions of rows, one column's pages at a time."""
    for batch in file.iter_batches(PORTION, columns=[name], use_threads=False):
        yield batch.column(0)


def _size(cells: pa.Array) -> int:
    """Return the bytes that cells unfold into, without unfolding them."""
    if not pa.types.is_dictionary(cells.type):
        return int(cells.nbytes)
    lengths = pc.binary_length(cells.dictionary).take(cells.indices)
    return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0) + int(cells.indices.nbytes)


def _cells(cells: pa.Array) -> list[Any]:
    """Return cells as Python has them, each word kept once."""
    if pa.types.is_duration(cells.type):
        unit = _UNITS[cells.type.unit]
        return [None if value is None else value / unit for value in cells.cast(pa.int64()).to_pylist()]
    if pa.types.is_dictionary(cells.type):
        used = cells.indices.unique()
        words = dict(zip(used.to_pylist(), cells.dictionary.take(used).to_pylist(), strict=True))
        return [words[at] for at in cells.indices.to_pylist()]
    return list(cells.to_pylist())
