"""Predictions as a file that other programs read: CSV, JSON or Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from transfer.data.cache import atomic_write
from transfer.errors import UserError, did_you_mean

__all__ = ["check_answer", "safe_cells", "write_answer"]

FORMATS = ("csv", "json", "parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_answer(table: pd.DataFrame, out: Path | None, form: str | None = None) -> str | None:
    """Write a table of predictions; without a file return it as text.

    Args:
        table: what `transfer.predicting` gave.
        out: the file; None returns text.
        form: 'csv', 'json' or 'parquet'; default by the file's suffix, else csv.

    Raises:
        UserError: an unknown form, or a file that is there already or cannot be written.

    Example:
        >>> print(write_answer(pd.DataFrame({"recording": ["=cmd"], "p_a": [0.5]}), None))
        recording,p_a
        '=cmd,0.5
    """
    form = check_answer(out, form)
    if out is None:
        return _text(table, form)

    def write(path: Path) -> None:
        if form == "parquet":
            table.to_parquet(path, index=False)
        else:
            path.write_text(_text(table, form) + "\n", encoding="utf-8")

    try:
        atomic_write(out, write)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another file") from error
    return None


def check_answer(out: Path | None, form: str | None = None) -> str:
    """Return the form that predictions will have, before anything is computed for them.

    Raises:
        UserError: an unknown form, a text that is none, or a file that is there already.

    Example:
        >>> check_answer(Path("absent.JSON"))
        'json'
    """
    form = form or (out.suffix.lower().lstrip(".") if out else "") or "csv"
    if form not in FORMATS:
        raise UserError(f"no format {form!r} for predictions; {did_you_mean(form, FORMATS)}")
    if out is None and form == "parquet":
        raise UserError("parquet is no text; name a file with --out")
    if out is not None and out.exists():
        raise UserError(f"{out} exists; predictions never write over a file: name another")
    return form


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text no spreadsheet takes for a formula: such cells begin with an apostrophe.

    Example:
        >>> safe_cells(pd.DataFrame({"speaker": ["@me", "you"], "p": [-1.0, 1.0]})).to_dict("list")
        {'speaker': ["'@me", 'you'], 'p': [-1.0, 1.0]}
    """
    text = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    safe: pd.DataFrame = table.assign(
        **{n: [f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA) else v for v in table[n]] for n in text}
    )
    return safe


def _text(table: pd.DataFrame, form: str) -> str:
    """Return a table as CSV or JSON, the columns in their order."""
    if form == "csv":
        return str(safe_cells(table).to_csv(index=False, lineterminator="\n")).rstrip("\n")
    return json.dumps(table.to_dict("records"), ensure_ascii=False, indent=2)
