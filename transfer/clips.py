"""The audio that a trained model is asked about: files, folders, patterns or tables as one table of clips."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from transfer.data.corpus import is_audio
from transfer.errors import UserError

__all__ = ["clips_of_table", "find_clips"]

LARGEST_TABLE = 100_000_000  # bytes of a table of files


def find_clips(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Return one row a clip of the paths, or of the one path: `path`, `start`, `end` (s), `recording`, `speaker` ('' where unknown).

    Raises:
        UserError: for a path that is not there, a folder or pattern without audio, or a table without paths.
    """
    if isinstance(paths, (str, Path)):
        paths = [paths]
    tables = [_clips_of(str(path)) for path in paths]
    if not tables:
        raise UserError("no audio to predict on; name files, folders, patterns or a CSV table")
    found = pd.concat(tables, ignore_index=True).drop_duplicates(["path", "start", "end"])
    clips: pd.DataFrame = found.reset_index(drop=True)
    return clips


def _clips_of(path: str) -> pd.DataFrame:
    """Return the clips that one argument means."""
    place = Path(path).expanduser()
    if place.suffix.lower() == ".csv":
        return _listed(place)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.is_file() and is_audio(file.name))
        missing = f"the folder {path} holds no audio file"
    elif any(mark in path for mark in "*?[") and not place.exists():
        files = sorted(Path(file) for file in glob.glob(str(place), recursive=True) if Path(file).is_file())
        missing = f"the pattern {path} fits no file"
    else:
        files, missing = [place] if place.exists() else [], f"there is no file {path}"
    if not files:
        raise UserError(f"{missing}; expected an audio file, a folder, a pattern in quotes or a CSV table")
    names = [str(file) for file in files]
    clips: pd.DataFrame = pd.DataFrame({"path": names, "start": 0.0, "end": np.nan, "recording": names, "speaker": ""})
    return clips


def _listed(file: Path) -> pd.DataFrame:
    """Return the clips of a table."""
    try:
        if file.stat().st_size > LARGEST_TABLE:
            raise UserError(f"{file} has more than {LARGEST_TABLE} bytes, which no table of files needs; split it")
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as a CSV table: {error}") from error
    if "path" not in table or table.empty:
        raise UserError(f"{file} needs a column `path` and a row for each clip; it has {', '.join(table.columns)}")
    try:
        return clips_of_table(table, file.parent)
    except ValueError as error:
        raise UserError(f"{file}: start and end are seconds: {error}") from error


def clips_of_table(table: pd.DataFrame, folder: Path = Path()) -> pd.DataFrame:
    """Return the clips of a table, as `find_clips` does; what is empty or missing is not known.

    Args:
        table: the columns `path` and, where known, `recording`, `speaker`, `start`, `end` (s).
        folder: that paths are relative to.
    """
    known = table.astype(object).where(table.notna(), "")
    out: pd.DataFrame = pd.DataFrame({"path": [str((folder / path).absolute()) for path in known["path"]]})
    named = known.get("recording", known["path"])
    out["recording"] = [str(name or path) for name, path in zip(named, known["path"], strict=True)]
    out["speaker"] = [str(v) for v in known.get("speaker", [""] * len(known))]
    out["start"] = [float(v or 0) for v in known.get("start", [0] * len(known))]
    out["end"] = [float(v or "nan") for v in known.get("end", [""] * len(known))]
    return out
