"""A database in audformat: a header `db.yaml` and tables `db.<table>.csv` or `.parquet`; pickles are never opened.

Reference: https://audeering.github.io/audformat (header, schemes, filewise and segmented tables).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from transfer.data.corpus import SYNTHETIC_RECORD, Corpus, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.data.file_names import nothing_found
from transfer.data.manifest import path_inside, read_rows
from transfer.data.tables import decode_text
from transfer.errors import CorpusError, did_you_mean
from transfer.strict_yaml import YamlError, read_yaml

__all__ = ["claims_audformat", "read_audformat"]

HEADER = "db.yaml"
LONGEST_HEADER = 2_000_000  # characters: thousands of speakers may stand in it
INDEX = ("file", "start", "end")
NAMES = {"gender": "sex", "transcription": "text"}
"""Column or attribute of the database -> column of the corpus table, where they differ."""
SPLITS = {"train": "train", "dev": "valid", "test": "test"}
LANGUAGES = {
    "cmn": "zh", "deu": "de", "eng": "en", "fra": "fr", "ita": "it", "pol": "pl", "spa": "es", "urd": "ur", "zho": "zh",
}  # fmt: skip
"""ISO 639-3, as the header writes it -> ISO 639-1."""

Extent = tuple[str, float, float]
"""Path below the root, start and end (s; -1 for the end of the file)."""


@dataclass(frozen=True)
class _Table:
    """One table of the database, read."""

    columns: Mapping[str, str]  # column -> scheme, '' for none
    split: str
    rows: Mapping[Extent, dict[str, Any]]
    places: Mapping[Extent, str]


def read_audformat(name: str, root: Path, *, label: str = "emotion", table: str | None = None) -> Corpus:
    """Read a database: clips from the table with the label column, and what other tables and schemes say about them.

    Args:
        name: name of the corpus.
        root: the folder with `db.yaml`.
        label: the column that holds the class.
        table: the table to take it from; needed where several tables label the same clip.

    Raises:
        CorpusError: if the header or a table cannot be read, no table has the column, several disagree about who labels
            a clip, a label is not in its scheme, a path leaves the folder, or no file is there.
    """
    files = list_files(root)
    if HEADER not in files:
        raise nothing_found(name, root, files, expected=f"{HEADER} and its tables db.<table>.csv or db.<table>.parquet")
    header = _read_header(root / HEADER)
    tables = {str(key): _read_table(root, str(key), value, header) for key, value in _mapping(header, "tables").items()}
    chosen = _choose(name, tables, label.lower(), table)
    attributes = _attributes(root, header, "speaker")
    language = _language(header)
    clips: list[dict[str, Any]] = []
    missing, unlabelled = set(), []
    for key in chosen:
        known = _levels(root, header, tables[key].columns[label.lower()])
        for extent, row in tables[key].rows.items():
            word = _word(row[label.lower()])
            if not os.path.isfile(root / extent[0]):
                missing.add(extent[0])
            elif not word:
                unlabelled.append(extent[0])
            else:
                _check_label(word, known, label, tables[key].places[extent])
                facts = _facts(extent, tables, attributes)
                clips.append({"language": language, **facts, **_clip(root, extent), "label": word})
    if not clips:
        raise CorpusError(
            f"{name}: {root / HEADER} is there, but none of its audio files; missing: {some(sorted(missing))}"
        )
    used = (HEADER, *(_table_file(root, str(key)) for key in (*tables, *_mapping(header, "misc_tables"))))
    heard = {clip["recording"] for clip in clips}
    left = tuple(file for file in dict.fromkeys(unlabelled) if file not in heard)
    ignored = tuple(file for file in files if file not in {*used, *heard, *left, SYNTHETIC_RECORD})
    return Corpus(
        name,
        root,
        corpus_table(clips),
        ignored,
        tuple(sorted(missing)),
        read_synthetic(root),
        used,
        {"no label": left} if left else {},
    )


def claims_audformat(files: Sequence[str]) -> int:
    """Return how many audio files there are, none where no header lies at the root.

    Args:
        files: posix paths below the root.

    Example:
        >>> claims_audformat(["db.yaml", "db.emotion.csv", "wav/a.wav"])
        1
    """
    return sum(map(is_audio, files)) if HEADER in files else 0


def _read_header(path: Path) -> dict[str, Any]:
    """Read the header, strictly; audformat marks what two schemes share by aliases."""
    try:
        header, _ = read_yaml(decode_text(path), aliases=True, longest=LONGEST_HEADER)
    except YamlError as error:
        raise CorpusError(f"{path}: {error}") from None
    if not isinstance(header, dict) or not _mapping(header, "tables"):
        raise CorpusError(f"{path}: expected the header of a database with 'tables:' in it")
    return header


def _mapping(tree: Any, key: str) -> dict[str, Any]:
    """Return a part of the header, empty where there is none."""
    part = tree.get(key) if isinstance(tree, dict) else None
    return part if isinstance(part, dict) else {}


def _table_file(root: Path, key: str) -> str:
    """Return the file of a table, which lies beside the header."""
    if "/" in key or "\\" in key:
        raise CorpusError(
            f"{root / HEADER} names the table {key!r}; expected a name without / or \\, as in db.<table>.csv"
        )
    for suffix in (".csv", ".parquet"):
        if os.path.isfile(root / f"db.{key}{suffix}"):
            return f"db.{key}{suffix}"
    pickle = os.path.isfile(root / f"db.{key}.pkl")
    raise CorpusError(
        f"{root / HEADER} names the table {key!r}, but neither db.{key}.csv nor db.{key}.parquet is there"
        + ("; pickles are not opened: save the database with storage_format='csv'" if pickle else "")
    )


def _read_table(root: Path, key: str, declared: Any, header: Mapping[str, Any]) -> _Table:
    """Read a filewise or segmented table."""
    file = _table_file(root, key)
    columns = {
        str(column).lower(): str(about.get("scheme_id", "")) if isinstance(about, dict) else ""
        for column, about in _mapping(declared, "columns").items()
    }
    split = declared.get("split_id") if isinstance(declared, dict) else None
    kind = str(_mapping(_mapping(header, "splits"), str(split)).get("type", ""))
    rows: dict[Any, dict[str, Any]] = {}
    places: dict[Any, str] = {}
    for line, row in read_rows(root / file):
        place = f"{root / file}, line {line}"
        lacking = [column for column in ("file", *columns) if column not in row]
        if lacking:
            raise CorpusError(f"{root / file}: no column {lacking[0]!r}; {did_you_mean(lacking[0], row)}")
        inside = path_inside(root, str(row["file"] or ""), place=place)
        extent = (inside, _seconds(row.get("start"), 0.0, place), _seconds(row.get("end"), -1.0, place))
        if extent in rows:
            raise CorpusError(f"{place}: the same clip as {places[extent]}; keep one of the two rows")
        rows[extent], places[extent] = {column: row[column] for column in columns}, place
    return _Table(columns, SPLITS.get(kind, ""), rows, places)


def _seconds(value: Any, default: float, place: str) -> float:
    """Return a time in s, written as a duration ('0 days 00:00:01.5') or as a number of seconds."""
    if value is None:
        return default
    try:
        return float(value) if isinstance(value, int | float) else _duration(value)
    except ValueError:
        raise CorpusError(f"{place}: the time {value!r} is no duration such as '0 days 00:00:01.5'") from None


def _duration(value: Any) -> float:
    """Return a duration in s."""
    text = str(value)
    return float(text) if text.replace(".", "", 1).isdecimal() else float(pd.Timedelta(text).total_seconds())


def _choose(name: str, tables: Mapping[str, _Table], label: str, table: str | None) -> list[str]:
    """Return the tables that label the clips."""
    having = [key for key, read in tables.items() if label in read.columns]
    if table is not None:
        if table not in having:
            raise CorpusError(f"{name}: no table {table!r} with a column {label!r}; {did_you_mean(table, having)}")
        return [table]
    if not having:
        columns = {column for read in tables.values() for column in read.columns}
        raise CorpusError(
            f"{name}: no table has a column {label!r}; {did_you_mean(label, columns)}. Name the label's column by the "
            "option label"
        )
    if label in having:  # a table named like its column is the one meant
        return [label]
    extents = [extent for key in having for extent in tables[key].rows]
    if len(set(extents)) < len(extents):
        raise CorpusError(
            f"{name}: the tables {', '.join(having)} label the same clips; choose one by the option table"
        )
    return having


def _levels(root: Path, header: Mapping[str, Any], scheme: str) -> dict[str, dict[str, Any]] | None:
    """Return what a scheme allows -> its attributes; None where it allows anything."""
    labels = _mapping(_mapping(header, "schemes"), scheme).get("labels")
    if isinstance(labels, list):
        return {str(word): {} for word in labels}
    if isinstance(labels, dict):
        return {str(word): about if isinstance(about, dict) else {} for word, about in labels.items()}
    if isinstance(labels, str):  # the name of a table whose first column is the index
        rows = [row for _, row in read_rows(root / _table_file(root, labels))]
        return {_word(next(iter(row.values()))): dict(list(row.items())[1:]) for row in rows}
    return None


def _attributes(root: Path, header: Mapping[str, Any], scheme: str) -> dict[str, dict[str, Any]]:
    """Return what a scheme says about each of its labels, such as the sex of a speaker."""
    levels = _levels(root, header, scheme) or {}
    return {word: {NAMES.get(key, key): value for key, value in about.items()} for word, about in levels.items()}


def _language(header: Mapping[str, Any]) -> str:
    """Return the language of a database that has one only."""
    languages = header.get("languages")
    languages = languages if isinstance(languages, list) else [languages] if isinstance(languages, str) else []
    return LANGUAGES.get(str(languages[0]), str(languages[0])) if len(languages) == 1 else ""


def _word(value: Any) -> str:
    """Return a label or a name as text; a column of whole numbers with gaps is read as floats."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _check_label(word: str, known: Mapping[str, Any] | None, label: str, place: str) -> None:
    """Raise if a label is not in its scheme."""
    if known is not None and word not in known:
        raise CorpusError(f"{place}: {label} is {word!r}, which its scheme does not have; {did_you_mean(word, known)}")


def _facts(extent: Extent, tables: Mapping[str, _Table], attributes: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Collect what all tables say about a clip or its file, and the scheme about its speaker."""
    facts: dict[str, Any] = {}
    for table in tables.values():
        row = table.rows.get(extent, table.rows.get((extent[0], 0.0, -1.0)))
        if row is not None:
            facts.update({NAMES.get(column, column): value for column, value in row.items()})
            facts.update({"split": table.split} if table.split else {})
    facts["speaker"] = _word(facts.get("speaker"))
    return attributes.get(facts["speaker"], {}) | facts


def _clip(root: Path, extent: Extent) -> dict[str, Any]:
    """Return where a clip lies."""
    file, start, end = extent
    return {"path": str(root / file), "recording": file, "start": start, "end": end if end >= 0 else math.nan}
