"""Corpora of the user's own: a manifest (CSV, TSV, Parquet) or folders named by label."""

from __future__ import annotations

import math
import os
import posixpath
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.data.file_names import nothing_found
from transfer.data.parquet import Cell, read_parquet_table
from transfer.data.tables import read_text_table
from transfer.errors import CorpusError, did_you_mean

__all__ = [
    "claims_folders",
    "claims_manifest",
    "find_manifest",
    "path_inside",
    "read_folders",
    "read_manifest",
    "read_rows",
]

MANIFESTS = ("manifest.csv", "manifest.tsv", "manifest.parquet")

TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".parquet")  # of which one may be a manifest by another name
WHO = ("subject", "participant", "patient", "proband", "person", "client", "spk")

Numbered = tuple[int, dict[str, Any]]


def find_manifest(root: Path) -> Path | None:
    """Return the manifest of a corpus: the path itself if it is such a file, else the one in the folder, else None.

    Args:
        root: a folder, or a .csv, .tsv or .parquet file.

    Raises:
        CorpusError: if a folder holds more than one.
    """
    if root.is_file():
        return root if root.suffix.lower() in {PurePosixPath(name).suffix for name in MANIFESTS} else None
    found = sorted(file for file in root.iterdir() if file.name.lower() in MANIFESTS) if root.is_dir() else []
    if len(found) > 1:
        raise CorpusError(
            f"{root}: more than one manifest ({some(file.name for file in found)}); give the one to read as root"
        )
    return found[0] if found else None


def read_manifest(name: str, root: Path) -> Corpus:
    """Read a corpus listed in a manifest.

    Columns `path` (relative to the manifest, with slashes or backslashes) and `label`; optional `speaker`, `start` and
    `end` (s), `recording`, `sex`, `age`, `language`, `text`, `session`, `split`; any other column is kept, as numbers
    if all its values are numbers. Paths may not leave the manifest's folder, though links inside it may.

    Args:
        name: name of the corpus.
        root: the manifest, or the folder that holds `manifest.csv`, `manifest.tsv` or `manifest.parquet`.

    Raises:
        CorpusError: if there is no manifest, it lacks a column, or a row is wrong; named by file and line.
    """
    file = find_manifest(root)
    if file is None:
        raise CorpusError(
            f"{name}: no manifest in {root}; expected {', '.join(MANIFESTS)} with the columns path, label, speaker"
        )
    folder = file.parent
    rows = read_rows(file)
    if not rows:
        raise CorpusError(f"{file}: the manifest has no rows")
    _check_columns(file, list(rows[0][1]))
    clips = [_clip(file, folder, line, row) for line, row in rows]
    _refuse_twice(file, rows, clips)
    _refuse_missing_files(file, [(line, clip["path"]) for (line, _), clip in zip(rows, clips, strict=True)])
    listed = {PurePosixPath(Path(clip["path"]).relative_to(folder)).as_posix() for clip in clips}
    labels = sorted({str(row["frame_labels"]) for _, row in rows if row.get("frame_labels")})  # read with the slices
    tables = (file.name, *(path_inside(folder, written, place=str(file)) for written in labels))
    known = {SYNTHETIC_RECORD, *tables, *listed}
    ignored = tuple(other for other in list_files(folder) if other not in known)
    return Corpus(name, folder, corpus_table(clips), ignored, (), read_synthetic(folder), tables)


def read_folders(name: str, root: Path) -> Corpus:
    """Read a corpus whose first folders are named by label; its speakers are unknown.

    Args:
        name: name of the corpus.
        root: the folder that holds the label folders.

    Raises:
        CorpusError: if no folder holds audio.
    """
    files = list_files(root) if root.is_dir() else ()
    clips = {
        file: {"path": str(root / file), "label": file.split("/", 1)[0], "recording": file}
        for file in files
        if "/" in file and is_audio(file)
    }
    if not clips:
        raise nothing_found(
            name,
            root,
            files,
            expected="manifest.csv (columns path, label, speaker), or audio in folders named by label: angry/1.wav",
        )
    ignored = tuple(file for file in files if file not in clips and file != SYNTHETIC_RECORD)
    beside = [file for file in ignored if PurePosixPath(file).suffix.lower() in TABLES]
    notes = (
        f"{some(beside)} is not read: a table that lists the clips is called manifest.csv and has the columns path, label, speaker",
    )
    table = corpus_table(clips.values())
    return Corpus(name, root, table, ignored, (), read_synthetic(root), notes=notes if beside else ())


def claims_manifest(files: Sequence[str]) -> int:
    """Return how many audio files there are, none where no manifest lies at the root.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_manifest(["Manifest.CSV", "a/1.wav"]), claims_manifest(["a/manifest.csv", "a/1.wav"])
        (1, 0)
    """
    declared = any(file.lower() in MANIFESTS for file in files)
    return sum(map(is_audio, files)) if declared else 0


def claims_folders(files: Sequence[str]) -> int:
    """Return how many audio files lie in a folder.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_folders(["1.wav", "angry/1.wav"])
        1
    """
    return sum("/" in file and is_audio(file) for file in files)


def read_rows(file: Path) -> Sequence[Numbered]:
    """Read the rows of a table with their line (row for Parquet) numbers; empty fields become None.

    Args:
        file: a Parquet file, or separated values in UTF-8.

    Raises:
        CorpusError: if it cannot be read as such.
    """
    if file.suffix.lower() != ".parquet":
        return [(line, {key: value or None for key, value in row.items()}) for line, row in read_text_table(file)]
    columns = read_parquet_table(file, named=lambda name: name.strip().lower())
    rows = zip(*columns.values(), strict=True)
    return [(line, dict(zip(columns, map(_given, row), strict=True))) for line, row in enumerate(rows, start=1)]


def _given(cell: Cell) -> Cell:
    """Return a cell of a Parquet table as text tables have it: trimmed, None where it is empty or no number."""
    if isinstance(cell, str):
        return cell.strip() or None
    return None if cell != cell else cell


def _check_columns(file: Path, columns: list[str]) -> None:
    """Raise if a needed column is not there."""
    for column in ("path", "label"):
        if column not in columns:
            raise CorpusError(
                f"{file}: no column {column!r}; {did_you_mean(column, columns)}. "
                "A manifest has the columns path, label, speaker"
            )
    who = [column for column in columns if column.removesuffix("_id") in WHO or column == "speaker_id"]
    if who and "speaker" not in columns:
        raise CorpusError(
            f"{file}: no column 'speaker', but {who[0]!r}; if it says who speaks call it speaker, for that parts training and "
            "test; if it does not, add an empty column speaker"
        )


def _refuse_twice(file: Path, rows: Sequence[Numbered], clips: Sequence[dict[str, Any]]) -> None:
    """Raise if two rows name the same stretch of the same file."""
    first: dict[tuple[str, str, str], tuple[int, str]] = {}
    for (line, _), clip in zip(rows, clips, strict=True):
        extent = (str(clip["path"]), str(clip["start"]), str(clip["end"]))
        label = str(clip["label"])
        if extent in first:
            other, said = first[extent]
            labels = f", there with the label {said!r} and here {label!r}" if said != label else ""
            raise CorpusError(
                f"{file}, line {line}: {Path(extent[0]).name!r} is in line {other} already{labels}; leave one of the two out"
            )
        first[extent] = line, label


def _clip(file: Path, folder: Path, line: int, row: dict[str, Any]) -> dict[str, Any]:
    """Build the row of the corpus table from a row of the manifest."""
    for column in ("path", "label"):
        if row[column] is None:
            raise CorpusError(f"{file}, line {line}: empty {column}")
    inside = path_inside(folder, str(row["path"]), place=f"{file}, line {line}")
    start, end = (_seconds(file, line, column, row.get(column)) for column in ("start", "end"))
    if not (math.isnan(start) or start >= 0) or end <= (0.0 if math.isnan(start) else start):
        raise CorpusError(
            f"{file}, line {line}: start {row.get('start')} and end {row.get('end')}; "
            "expected 0 <= start < end, in seconds"
        )
    return {
        **row,
        "path": str(folder / inside),
        "recording": row.get("recording") or inside,
        "start": start,
        "end": end,
    }


def _seconds(file: Path, line: int, column: str, value: Any) -> float:
    """Return a time, NaN where none is given."""
    if value is None:
        return math.nan
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise CorpusError(
            f"{file}, line {line}: {column} is {value!r}; expected seconds as a number such as 1.25"
        ) from None
    if math.isinf(seconds):
        raise CorpusError(f"{file}, line {line}: {column} is {value!r}; leave it empty for the end of the file")
    return seconds


def path_inside(folder: Path, written: str, *, place: str) -> str:
    r"""Return a path that a table of a corpus gives as a posix path below the corpus's folder.

    Args:
        folder: the corpus's folder.
        written: relative to it or absolute, with slashes or backslashes, in either Unicode form.
        place: file and line where it is written, for messages.

    Raises:
        CorpusError: if it leaves the folder.

    Example:
        >>> path_inside(Path("/corpus"), r"angry\1.wav", place="manifest.csv, line 2")
        'angry/1.wav'
        >>> path_inside(Path("/corpus"), "../1.wav", place="manifest.csv, line 2")
        Traceback (most recent call last):
        ...
        transfer.errors.CorpusError: manifest.csv, line 2: the path '../1.wav' leaves the corpus folder /corpus; write
        paths relative to it, or put the table where all the files lie below it
    """
    path = written if os.path.lexists(folder / written) else written.replace("\\", "/")
    drive = PureWindowsPath(path).drive if os.name != "nt" else ""
    whole = posixpath.normpath(posixpath.join(folder.as_posix(), path))
    if drive or not PurePosixPath(whole).is_relative_to(folder.as_posix()):
        raise CorpusError(
            f"{place}: the path {written!r} leaves the corpus folder {folder}; "
            "write paths relative to it, or put the table where all the files lie below it"
        )
    inside = PurePosixPath(whole).relative_to(folder.as_posix()).as_posix()
    forms = (inside, unicodedata.normalize("NFC", inside), unicodedata.normalize("NFD", inside))
    return next((form for form in forms if os.path.isfile(folder / form)), inside)


def _refuse_missing_files(file: Path, paths: list[tuple[int, str]]) -> None:
    """Raise if rows name files that are not there."""
    absent = [(line, path) for line, path in paths if not os.path.isfile(path)]
    if absent:
        lines = some(f"{Path(path).relative_to(file.parent)} (line {line})" for line, path in absent)
        raise CorpusError(f"{file}: {len(absent)} of {len(paths)} rows name a file that is not there: {lines}")
