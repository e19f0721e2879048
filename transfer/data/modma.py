"""MODMA: Mandarin clinical recordings, a folder a subject, classes and scale scores in a workbook.

Reference: Cai et al., A multi-modal open dataset for mental-disorder analysis, Scientific Data, 2022.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

import openpyxl

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.data.file_names import nothing_found
from transfer.errors import CorpusError

__all__ = ["claims_modma", "read_modma"]

EXAMPLE = "02010001/01.wav and subjects_information_audio_lanzhou_2015.xlsx"
LABELS = {"mdd": "MDD", "hc": "HC"}
SCORES = {
    "educationyears": "education",
    "phq9": "phq9",
    "ctqsf": "ctq_sf",
    "les": "les",
    "ssrs": "ssrs",
    "gad7": "gad7",
    "psqi": "psqi",
}
LARGEST, MOST_ROWS, MOST_COLUMNS = 50_000_000, 20_000, 200  # bytes unpacked, and cells, of the workbook
_RECORDING = re.compile(r"(?:^|/)(?P<subject>\d{5,8})/(?P<task>\d{1,2})$")

Subject = dict[str, Any]


def read_modma(name: str, root: Path) -> Corpus:
    """Read MODMA's audio part.

    Args:
        name: name of the corpus.
        root: the folder with the workbook, or one that holds it.

    Raises:
        CorpusError: if the workbook or the recordings are not there, or a subject's class is not HC or MDD.
    """
    files = list_files(root)
    recordings = {file: match for file in files if is_audio(file) and (match := _RECORDING.search(_stem(file)))}
    workbooks = [file for file in files if _is_workbook(file)]
    if not recordings or not workbooks:
        raise nothing_found(name, root, files, expected=EXAMPLE)
    subjects = _read_subjects(root / workbooks[0])
    clips = {
        file: _clip(file, root, match, subjects)
        for file, match in recordings.items()
        if int(match["subject"]) in subjects
    }
    if not clips:
        folders = some(sorted({match["subject"] for match in recordings.values()}))
        raise CorpusError(
            f"{name}: no folder is that of a subject of {workbooks[0]}; folders: {folders}; subjects: {some(subjects)}"
        )
    heard = {int(clip["speaker"]) for clip in clips.values()}
    missing = tuple(f"{subject:08d}" for subject in subjects if subject not in heard)
    ignored = [file for file in files if file not in clips and file not in (workbooks[0], SYNTHETIC_RECORD)]
    tables = (workbooks[0],)
    return Corpus(name, root, corpus_table(clips.values()), tuple(ignored), missing, read_synthetic(root), tables)


def claims_modma(files: Sequence[str]) -> int:
    """Return how many files are named as MODMA's recordings are, none where its workbook is not there.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_modma(["02010001/01.wav", "subjects_information_audio_lanzhou_2015.xlsx"])
        1
    """
    recordings = [file for file in files if is_audio(file) and _RECORDING.search(_stem(file))]
    return len(recordings) if any(map(_is_workbook, files)) else 0


def _is_workbook(file: str) -> bool:
    """Say whether a file is the workbook of subjects."""
    name = PurePosixPath(file).name.lower()
    return name.startswith("subjects_information_audio") and name.endswith(".xlsx")


def _stem(file: str) -> str:
    """Return a posix path without its extension."""
    return PurePosixPath(file).with_suffix("").as_posix()


def _clip(file: str, root: Path, match: re.Match[str], subjects: dict[int, Subject]) -> dict[str, Any]:
    """Build the row of a recording."""
    subject = int(match["subject"])
    return {
        "path": str(root / file),
        "speaker": f"{subject:08d}",
        "recording": file,
        "language": "zh",
        "text": match["task"],
        **subjects[subject],
    }


def _read_subjects(path: Path) -> dict[int, Subject]:
    """Read the workbook: subject number -> label, sex, age, scores."""
    rows = _rows(path)
    header = [_key(cell) for cell in rows[0]] if rows else []
    if "subjectid" not in header or "type" not in header:
        found = some(rows[0] if rows else ())
        raise CorpusError(f"{path}: expected the columns 'subject id' and 'type' in the first row, found {found}")
    records = [dict(zip(header, row, strict=False)) for row in rows[1:]]
    return dict(_subject(record, path) for record in records if record.get("subjectid") is not None)


def _rows(path: Path) -> list[tuple[Any, ...]]:
    """Read the first sheet, whose size is what the real one needs many times over."""
    try:
        with ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise ValueError(f"{size} bytes unpacked; at most {LARGEST} are read")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return list(book.worksheets[0].iter_rows(values_only=True, max_row=MOST_ROWS, max_col=MOST_COLUMNS))
        finally:
            book.close()
    except Exception as error:  # a damaged workbook makes openpyxl fail in any way
        raise CorpusError(f"{path}: not readable as an .xlsx workbook ({type(error).__name__}: {error})") from None


def _key(cell: object) -> str:
    """Bring a column's name to its letters and digits, since copies differ in spaces and dashes."""
    return re.sub(r"[^a-z0-9]", "", str(cell or "").lower())


def _subject(row: dict[str, Any], path: Path) -> tuple[int, Subject]:
    """Read one subject's row."""
    try:
        number = int(row["subjectid"])  # the workbook stores numbers: folder 02010001 is 2010001 there
    except (ValueError, TypeError, OverflowError):
        raise CorpusError(f"{path}: subject id {row['subjectid']!r} is not a number") from None
    written = str(row["type"] or "").strip()
    if written.lower() not in LABELS:
        raise CorpusError(f"{path}: type of subject {number:08d} is {written!r}; expected HC or MDD")
    scores = {column: _score(row[key]) for key, column in SCORES.items() if key in row}
    return number, {"label": LABELS[written.lower()], "sex": row.get("gender"), "age": row.get("age"), **scores}


def _score(cell: object) -> float:
    """Return a cell as a number, NaN where it is none (a questionnaire that was not filled in)."""
    return float(cell) if isinstance(cell, int | float) else math.nan
