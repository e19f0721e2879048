"""The prediction table: one row a slice, everything that evaluation needs and nothing that it does not.

Columns: `corpus, part, recording, subject, truth` (strings), `slice` (integer), and `p_<label>` (float), one for each
class; the order of the p_ columns is the order of the classes. Optional, as strings, empty where unknown: `sex`, `age`
(a band of ten years such as 30-39) and `language`, by which `evaluation.subgroups` scores. Further columns pass through.
Metrics, intervals, comparisons and reports are computed from such tables alone, without the data or the model.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.data.parquet import read_parquet_table
from transfer.errors import CorpusError, UserError, did_you_mean

__all__ = [
    "KEYS",
    "class_names",
    "probabilities",
    "read_predictions",
    "validate_predictions",
    "write_predictions",
]

KEYS = ("corpus", "part", "slice", "recording", "subject", "truth")
_NAMES = ("corpus", "part", "recording", "subject", "truth")


def class_names(table: pd.DataFrame) -> list[str]:
    """Return the classes of a prediction table, in the order of its p_ columns.

    Example:
        >>> class_names(pd.DataFrame(columns=["truth", "p_HC", "p_MDD"]))
        ['HC', 'MDD']
    """
    return [str(name)[2:] for name in table.columns if str(name).startswith("p_")]


def probabilities(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the class probabilities of a table.

    Shape:
        (N rows, K classes).

    Example:
        >>> probabilities(pd.DataFrame({"truth": ["b"], "p_a": [0.25], "p_b": [0.75]}))
        array([[0.25, 0.75]])
    """
    values: npt.NDArray[np.float64] = table[[f"p_{name}" for name in class_names(table)]].to_numpy(dtype=np.float64)
    return values


def validate_predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Check a prediction table and return it with its columns in order and of the types of the schema.

    Args:
        table: a frame with the columns of the schema, in any order; rows in any order.

    Returns:
        a new frame: the key columns, the p_ columns (float64), then any further columns; index 0, 1, 2 ...

    Raises:
        TypeError: a column of the wrong kind.
        UserError: a missing column, an empty table, a truth that is no class, probabilities that are none, a slice that
            is there twice, a recording of one subject with two truths.

    Example:
        >>> row = {"corpus": "modma", "part": "test", "slice": 0, "recording": "01", "subject": "s1", "truth": "HC"}
        >>> table = validate_predictions(pd.DataFrame([{"p_HC": 0.75, "p_MDD": 0.25, **row}]))
        >>> list(table.columns)
        ['corpus', 'part', 'slice', 'recording', 'subject', 'truth', 'p_HC', 'p_MDD']
    """
    _check_columns(table)
    columns = [*KEYS, *(f"p_{name}" for name in class_names(table))]
    further = [name for name in table.columns if name not in columns]
    table = table[[*columns, *further]].reset_index(drop=True)
    for name in _NAMES:
        table[name] = _names(table[name])
    table["slice"] = _integers(table["slice"])
    for name in columns[len(KEYS) :]:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise TypeError(f"column {name!r} holds {table[name].dtype}, expected probabilities as floats")
        table[name] = table[name].astype("float64")
    _check_truths(table)
    _check_probabilities(table)
    _check_rows(table)
    return table


def write_predictions(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a prediction table as Parquet; a reader sees the old file or the whole new one, never a part.

    Args:
        table: a prediction table; it is validated first.
        path: the file; its folder is made where it is missing.

    Returns:
        the path written.

    Raises:
        UserError: where the table is not a prediction table.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "recording": "r", "subject": "s", "truth": "a"}
        >>> table = pd.DataFrame([{**row, "p_a": 0.5, "p_b": 0.5}])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     len(read_predictions(write_predictions(table, Path(folder) / "predictions.parquet")))
        1
    """
    table, path = validate_predictions(table), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    try:
        table.to_parquet(temporary, engine="pyarrow", index=False)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def read_predictions(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and validate a prediction table.

    Raises:
        UserError: where the file is missing, is no Parquet file, or holds no prediction table.

    Example:
        >>> read_predictions("nowhere.parquet")
        Traceback (most recent call last):
        ...
        transfer.errors.UserError: no prediction table at nowhere.parquet; expected the Parquet file that a run wrote
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no prediction table at {path}; expected the Parquet file that a run wrote")
    try:
        columns = read_parquet_table(path)
    except CorpusError as error:
        raise UserError(f"the prediction table cannot be read ({error}); write the run's predictions again") from None
    return validate_predictions(pd.DataFrame(columns))


def _check_columns(table: pd.DataFrame) -> None:
    """Refuse what is no frame, lacks columns, or has no rows."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"expected a pandas DataFrame as prediction table, got {type(table).__name__}")
    missing = [name for name in KEYS if name not in table.columns]
    if missing:
        raise UserError(f"the prediction table lacks the columns {missing}; expected {', '.join(KEYS)} and p_<label>")
    if len(class_names(table)) < 2:
        raise UserError(f"expected a column p_<label> for each of two or more classes, got {class_names(table)}")
    if table.columns.has_duplicates:
        raise UserError(f"columns appear twice: {sorted(set(table.columns[table.columns.duplicated()]))}")
    if table.empty:
        raise UserError("the prediction table has no rows; expected one for each slice")


def _names(column: pd.Series) -> pd.Series:
    """Return a column of strings, or refuse it."""
    if column.isna().any():
        raise UserError(f"column {column.name!r} lacks a value in {int(column.isna().sum())} of {len(column)} rows")
    kinds = {type(value).__name__ for value in column.unique()}
    if kinds != {"str"}:
        raise TypeError(f"column {column.name!r} holds {', '.join(sorted(kinds))}, expected str; use .astype(str)")
    return column.astype(str)


def _integers(column: pd.Series) -> pd.Series:
    """Return a column of integers, or refuse it."""
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        raise TypeError(f"column {column.name!r} holds {column.dtype}, expected integers without gaps")
    return column.astype("int64")


def _check_truths(table: pd.DataFrame) -> None:
    """Refuse truths that are none of the classes."""
    classes = class_names(table)
    for truth in table["truth"].unique():
        if truth not in classes:
            raise UserError(f"truth {truth!r} has no column p_{truth}; {did_you_mean(truth, classes)}")


def _check_probabilities(table: pd.DataFrame) -> None:
    """Refuse rows whose probabilities are not finite, not in [0, 1] or do not sum to 1 (half precision allowed for)."""
    values = probabilities(table)
    wrong = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > 2e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{int(wrong.sum())} of {len(table)} rows hold no probabilities, first row {row}: "
            f"{values[row].tolist()}; expected numbers in [0, 1] that sum to 1 (a softmax)"
        )


def _check_rows(table: pd.DataFrame) -> None:
    """Refuse slices that are there twice and recordings with two truths."""
    recording = ["corpus", "part", "subject", "recording"]
    twice = table.duplicated([*recording, "slice"])
    if twice.any():
        first = table.loc[twice, [*recording, "slice"]].iloc[0].to_dict()
        raise UserError(f"{int(twice.sum())} slices appear twice, the first is {first}; expected one row a slice")
    truths = table.groupby(recording)["truth"].nunique()
    if (truths > 1).any():
        raise UserError(f"recording {truths.idxmax()} has {truths.max()} truths; expected one label a recording")
