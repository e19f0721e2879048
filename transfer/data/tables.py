"""Text tables that come with a corpus: separated values in UTF-8, read strictly and as text."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from transfer.errors import CorpusError

__all__ = ["Row", "decode_text", "read_text_table"]

Row = tuple[int, dict[str, str]]
"""Line of the file, and its fields by column."""

_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text_table(path: Path) -> list[Row]:
    r"""Read a table of separated values (comma, semicolon or tab, whichever its first line holds most of).

    Nothing is guessed about the values: an id `007` stays `007`, a label `None` stays `None`.

    Args:
        path: the file; UTF-8, with or without a byte-order mark.

    Returns:
        Line number and fields of each row that is not blank; column names in lower case, names and fields trimmed.

    Raises:
        CorpusError: if the file is in another encoding, has no header, or a row has not as many fields as the header.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "data.tsv"
        >>> _ = path.write_text("path\tSpeaker\na.wav\t 007\n", encoding="utf-8-sig")
        >>> read_text_table(path)
        [(2, {'path': 'a.wav', 'speaker': '007'})]
    """
    text = decode_text(path)
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise CorpusError(f"{path}, line 1: {error}") from None
    if not any(header):
        raise CorpusError(f"{path}: the table is empty; its first line must name the columns")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise CorpusError(f"{path}: the column {repeated[0]!r} stands there more than once")
    try:
        return [
            (reader.line_num, _row(path, reader.line_num, header, fields))
            for fields in reader
            if any(field.strip() for field in fields)
        ]
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: {error}") from None


def _row(path: Path, line: int, header: list[str], fields: list[str]) -> dict[str, str]:
    """Pair fields with column names."""
    if len(fields) != len(header):
        raise CorpusError(
            f"{path}, line {line}: {len(fields)} fields where the header names {len(header)} columns; "
            "put fields that hold the separator in double quotes"
        )
    return dict(zip(header, (field.strip() for field in fields), strict=True))


def decode_text(path: Path) -> str:
    """Read a text file as UTF-8, dropping a byte-order mark.

    Args:
        path: the file.

    Raises:
        CorpusError: where the file cannot be read; or naming the encoding that it seems to have, the line, and the command
            that converts it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "list.csv"
        >>> _ = path.write_bytes("愤怒".encode("gb18030"))
        >>> decode_text(path)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        transfer.errors.CorpusError: ...list.csv: not UTF-8 (byte 0xB7 in line 1); it looks like GB18030. ...
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None
    wide = next((name for mark, name in _WIDE_MARKS.items() if raw.startswith(mark)), None)
    if wide:
        raise CorpusError(f"{path}: not UTF-8 but {wide} (by its byte-order mark). {_advice(path, wide)}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        seen, at = error.object, error.start  # the bytes without their mark
        line = seen.count(b"\n", 0, at) + 1
        guess = _guess(seen, at)
        raise CorpusError(
            f"{path}: not UTF-8 (byte 0x{seen[at]:02X} in line {line}); it looks like {guess}. {_advice(path, guess)}"
        ) from None


def _guess(raw: bytes, at: int) -> str:
    """Guess a legacy encoding: Chinese text comes in pairs of high bytes, accented letters stand alone."""
    paired = at + 1 < len(raw) and raw[at + 1] >= 0x80
    return "GB18030" if paired else "Windows-1252"


def _advice(path: Path, encoding: str) -> str:
    """Say how to convert a file."""
    return (
        f"Save it as UTF-8, or convert it: iconv -f {encoding.upper()} -t UTF-8 {path.name!r} > converted{path.suffix}"
    )
