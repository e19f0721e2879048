"""The corpus table: one row a clip, in the same columns whatever the corpus looks like on disk.

| column | kind | meaning |
|---|---|---|
| `path` | text | absolute path of the audio file |
| `start`, `end` | s | extent of the clip in the file; `end` is NaN for "to the end of the file" |
| `label` | text | the class, in the corpus's own words |
| `speaker` | text | empty where unknown |
| `recording` | text | what a split keeps whole: the file's posix path below the root, or what a manifest says |
| `sex`, `language`, `text`, `session`, `split` | text | optional; empty where unknown; `split` is the authors' own part |
| `age` and scale scores such as `phq9` | number | optional; NaN where unknown |
"""

from __future__ import annotations

import json
import math
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from transfer.errors import CorpusError

__all__ = [
    "AUDIO_EXTENSIONS",
    "SYNTHETIC_RECORD",
    "Corpus",
    "check_table",
    "corpus_table",
    "is_audio",
    "list_files",
    "some",
]

TEXT = ("path", "label", "speaker", "recording")
SECONDS = ("start", "end")
OPTIONAL_TEXT = ("sex", "language", "text", "session", "split")
AUDIO_EXTENSIONS = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64", ".sph"}
)
SYNTHETIC_RECORD = "synthetic.json"
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus as it was read: its table, and an account of every file that is not in it.

    Args:
        name: name of the corpus in the recipe.
        root: its folder.
        table: one row a clip (see the head of this file).
        ignored: files below the root that are not of the layout, as posix paths relative to the root.
        missing: what the corpus's own tables name but the folder does not hold.
        synthetic: content of `synthetic.json` where the corpus is a stand-in, else None.
        tables: the corpus's own tables, as posix paths relative to the root.
        left_out: reason -> audio files of the layout that are no clips for that reason (no label, say).
        notes: what the reader of a result should know about the corpus; no id of a speaker stands in it.

    Raises:
        CorpusError: if the table breaks the schema.

    Example:
        >>> table = corpus_table([{"path": "/c/a/1.wav", "label": "a", "speaker": "s1", "recording": "a/1.wav"}])
        >>> Corpus("own", Path("/c"), table).speakers
        ('s1',)
    """

    name: str
    root: Path
    table: pd.DataFrame
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    synthetic: dict[str, Any] | None = None
    tables: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_table(self.table, name=self.name)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Known speakers, sorted."""
        return tuple(sorted(s for s in self.table["speaker"].unique() if s))

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes in the corpus's own words, sorted."""
        return tuple(sorted(self.table["label"].unique()))


def corpus_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Build a corpus table from rows, filling what is not said and sorting by recording and start.

    Text is brought to Unicode form NFC, so that a copy that went over macOS gives the same table. A column that the
    schema does not name becomes numeric if all its values are numbers, else text. Sexes become male and female.

    Args:
        rows: one mapping a clip, with at least `path`, `label` and `recording`.

    Example:
        >>> rows = [{"path": "/c/a/1.wav", "label": "a", "recording": "a/1.wav", "phq9": 7}]
        >>> corpus_table(rows)[["start", "speaker", "phq9"]].values.tolist()
        [[0.0, '', 7.0]]
    """
    rows = list(rows)
    names = list(dict.fromkeys([*TEXT, *SECONDS, *(key for row in rows for key in row)]))
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in names}
    columns["start"] = [0.0 if math.isnan(second) else second for second in columns["start"]]
    first = ("path", *SECONDS)
    table = pd.DataFrame({name: columns[name] for name in (*first, *(n for n in names if n not in first))})
    empty = [name for name in OPTIONAL_TEXT if name in table and not any(table[name])]
    ordered: pd.DataFrame = table.drop(columns=empty).sort_values(["recording", "path", "start"], ignore_index=True)
    return ordered


def _column(name: str, values: Sequence[Any]) -> list[Any]:
    """Bring the values of one column to one kind: text or number."""
    if name == "path":
        return ["" if value is None else str(value) for value in values]
    numeric = name in SECONDS or name == "age"
    if numeric or name not in TEXT + OPTIONAL_TEXT:
        numbers = [_number(value) for value in values]
        if numeric or None not in numbers:
            return [math.nan if number is None else number for number in numbers]
    texts = [_text(value) for value in values]
    return [_SEXES.get(text.lower(), text) for text in texts] if name == "sex" else texts


def _number(value: Any) -> float | None:
    """Return a value as a number, NaN for nothing, None for what is no number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    """Return a value as trimmed NFC text, empty for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():  # an integer column with gaps, as Parquet and xlsx give it
        value = int(value)
    return unicodedata.normalize("NFC", str(value).strip())


def check_table(table: pd.DataFrame, *, name: str) -> None:
    """Check a corpus table against the schema.

    Args:
        table: the table.
        name: name of the corpus, for the message.

    Raises:
        CorpusError: naming the first fault and where it stands.

    Example:
        >>> check_table(pd.DataFrame({"path": ["a.wav"]}), name="own")
        Traceback (most recent call last):
        ...
        transfer.errors.CorpusError: own: the corpus table lacks the columns label, speaker, recording, start, end
    """
    lacking = [column for column in (*TEXT, *SECONDS) if column not in table]
    if lacking:
        raise CorpusError(f"{name}: the corpus table lacks the columns {', '.join(lacking)}")
    if not isinstance(table.index, pd.RangeIndex) or table.index.start != 0 or table.index.step != 1:
        raise CorpusError(f"{name}: the corpus table must be indexed 0, 1, 2 ... (reset_index(drop=True))")
    for column in (c for c in (*TEXT, *OPTIONAL_TEXT) if c in table):
        if not all(isinstance(value, str) for value in table[column]):
            raise CorpusError(f"{name}: column {column!r} of the corpus table must hold text only")
    for column in ("path", "label", "recording"):
        _refuse(name, table, table[column].eq(""), f"an empty {column}")
    _refuse(name, table, ~(table["start"] >= 0), "a start that is negative or missing")
    _refuse(name, table, table["end"] <= table["start"], "an end that is not after its start")
    _refuse(name, table, table.duplicated(["path", "start", "end"]), "the extent of another row (twice the same clip)")


def _refuse(name: str, table: pd.DataFrame, wrong: pd.Series, what: str) -> None:
    """Raise if any row is wrong, naming the first of them."""
    if wrong.any():
        first = table[wrong].iloc[0]
        where = f"{first['path']!r} ({first['start']}-{first['end']} s)"
        raise CorpusError(f"{name}: {int(wrong.sum())} rows have {what}; the first is {where}")


def list_files(root: Path) -> tuple[str, ...]:
    """List every file below a folder as sorted posix paths relative to it.

    Linked folders are followed, except into themselves; hidden folders are not entered.

    Args:
        root: the folder.

    Raises:
        CorpusError: for a folder that cannot be read, or a name that is no Unicode.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "angry").mkdir()
        >>> (root / "angry" / "201.WAV").touch()
        >>> list_files(root)
        ('angry/201.WAV',)
    """
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_refuse_folder):
        here = Path(folder)
        subfolders[:] = [s for s in subfolders if not s.startswith(".") and not _returns(here / s, root)]
        found += [(here / name).relative_to(root).as_posix() for name in names]
        _refuse_names(found[len(found) - len(names) :], root)
    return tuple(sorted(found))


def _refuse_folder(error: OSError) -> None:
    """Refuse a folder that cannot be opened: what lies in it would be missing without a word."""
    raise CorpusError(f"{error.filename}: the folder cannot be read ({error.strerror})") from None


def _refuse_names(files: Sequence[str], root: Path) -> None:
    """Refuse file names that are no Unicode, as old archives leave them: no table can hold them."""
    for file in files:
        if any("\ud800" <= letter <= "\udfff" for letter in file):  # how Python holds bytes that are no UTF-8
            raise CorpusError(
                f"{root}: the file name {file!a} is no UTF-8; rename it, for example with "
                "`convmv -f latin1 -t utf8 -r --notest`"
            )


def _returns(folder: Path, root: Path) -> bool:
    """Say whether a linked folder leads back to a folder that holds it."""
    if not folder.is_symlink():
        return False
    return any(parent.samefile(folder) for parent in folder.parents if parent == root or root in parent.parents)


def is_audio(file: str) -> bool:
    """Say whether a name is that of an audio file, whatever the case of its extension.

    Example:
        >>> is_audio("a/201.WAV"), is_audio("a/._201.wav"), is_audio("a.txt")
        (True, False, False)
    """
    name = file.rpartition("/")[2]
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS


def read_synthetic(root: Path) -> dict[str, Any] | None:
    """Return the record of a stand-in (`synthetic.json` in its root), None for real data.

    Args:
        root: folder of the corpus.

    Raises:
        CorpusError: if the file is no JSON object.
    """
    file = root / SYNTHETIC_RECORD
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise CorpusError(f"{file}: not readable as JSON ({error}); write the stand-in anew") from None
    if not isinstance(record, dict):
        raise CorpusError(f"{file}: expected a JSON object, found {type(record).__name__}; write the stand-in anew")
    return record


def some(items: Iterable[object], *, most: int = 5) -> str:
    """Join the first few items for a message and say how many more there are.

    Args:
        items: what to list.
        most: how many to show.

    Example:
        >>> some(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    shown = [str(item) for item in items]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
