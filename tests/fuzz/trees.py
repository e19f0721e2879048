"""A folder of files as bytes, for fuzzers to change: records of a path and a content, and back."""

import io
import json
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from transfer.data.corpus import is_audio
from transfer.data.synthetic import LAYOUTS, synthesize

RECORD, FIELD = b"\x1e", b"\x1f"
MOST_FILES, MOST_BYTES = 40, 20_000
SHEET = "xl/worksheets/sheet1.xml"


def packed(root):
    """Return the files of a folder as bytes: audio empty, long tables cut, of workbooks the sheet alone."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    audio = [path for path in files if is_audio(path.name)]
    kept = [path for path in files if path not in audio] + audio[:5]
    kept += audio[5:30] if any(path.name.startswith("manifest") for path in kept) else []  # it names all of them
    return RECORD.join(str(path.relative_to(root)).encode() + FIELD + _content(path) for path in kept)


def _content(path):
    if is_audio(path.name):
        return b""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return book.read(SHEET)[:4000]
    raw = path.read_bytes()
    return raw if path.suffix == ".parquet" else raw[:4000]


@cache
def workbook():
    """Return the members of a workbook of MODMA, to put other sheets into."""
    with tempfile.TemporaryDirectory() as folder:
        root = synthesize("modma", Path(folder) / "modma", speakers=2, clips=1)
        with zipfile.ZipFile(next(root.rglob("*.xlsx"))) as book:
            return {name: book.read(name) for name in book.namelist()}


def unpack(data, root):
    """Write what bytes say into an empty folder; names that no archive could hold are left out."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for record in data[:MOST_BYTES].split(RECORD)[:MOST_FILES]:
        name, _, content = record.partition(FIELD)
        parts = [part for part in name.split(b"/") if part not in (b"", b".", b"..")]
        path = bytes(root) + b"/" + b"/".join(parts)
        try:
            Path(path.decode("utf-8", "surrogateescape")).parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                file.write(FORMS.get(path[path.rfind(b".") :], bytes)(content))
        except (OSError, ValueError):
            continue
    return root


def _booked(content):
    """Return a workbook whose sheet is the content, where that is XML."""
    if not content.startswith(b"<"):
        return content
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as book:
        for name, member in workbook().items():
            book.writestr(name, content if name == SHEET else member)
    return raw.getvalue()


def _columned(content):
    """Return a Parquet table of the columns that are the content, where that is JSON."""
    if not content.startswith(b"{"):
        return content
    raw = io.BytesIO()
    try:
        pq.write_table(pa.table(json.loads(content)), raw)
    except (ValueError, TypeError, OverflowError, RecursionError, pa.ArrowException):
        return content
    return raw.getvalue()


FORMS = {b".xlsx": _booked, b".parquet": _columned}
"""Suffix -> what makes a file of its content, where fuzzers had better change another form of it."""


def parquet_manifests():
    """Return folders with a manifest in Parquet: as JSON, and as it is."""
    columns = {"path": ["a/1.wav", "a/2.wav"], "label": ["a", "b"], "speaker": [1, None], "end": [1.5, None]}
    raw = io.BytesIO()
    pq.write_table(pa.table(columns), raw, compression="none")
    audio = [file.encode() + FIELD for file in columns["path"]]
    contents = [json.dumps(columns).encode(), json.dumps({**columns, "x": [[1], []]}).encode()]
    contents += [raw.getvalue()] if not {*RECORD, *FIELD} & {*raw.getvalue()} else []
    return [RECORD.join([b"manifest.parquet" + FIELD + content, *audio]) for content in contents]


@cache
def standin(name):
    """Return the smallest stand-in of a corpus, packed."""
    with tempfile.TemporaryDirectory() as folder:
        speakers = max(LAYOUTS[name].fewest_speakers, 1)
        return packed(synthesize(name, Path(folder) / name, speakers=speakers, clips=1))
