"""What the files of a corpus are, without decoding them: durations, rates, channels, content hashes, problems."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import soundfile

from transfer.data.audio import SLACK, waveform_fault
from transfer.data.corpus import some
from transfer.errors import AudioError

__all__ = ["clip_problems", "content_hashes", "scan_audio", "with_durations"]

CHUNK = 1 << 20  # bytes read at a time, and samples decoded at a time


def scan_audio(table: pd.DataFrame, *, threads: int = 2, decode: bool = False) -> pd.DataFrame:
    """Look at the header and the content hash of each audio file of a corpus.

    Args:
        table: a table with the column `path`, such as a corpus table; each file is looked at once.
        threads: how many files are looked at side by side.
        decode: read the samples too, and so find files that are cut off, silent or not finite.

    Returns:
        One row a file, sorted by path: `path`, `duration` (s), `sample_rate` (Hz), `channels`, `hash` (BLAKE2b of the
        file's bytes, 128 bits), `problem` ('' for none). A file with a problem has NaN and 0 where nothing is known.

    Example:
        >>> import tempfile
        >>> path = str(Path(tempfile.mkdtemp()) / "a.wav")
        >>> soundfile.write(path, np.ones(800), 8000)
        >>> scan_audio(pd.DataFrame({"path": [path]}))[["duration", "channels", "problem"]].values.tolist()
        [[0.1, 1, '']]
    """
    paths = sorted(set(table["path"]))
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        rows = list(pool.map(lambda path: _look(path, decode=decode), paths))
    scan: pd.DataFrame = pd.DataFrame(rows, columns=["path", "duration", "sample_rate", "channels", "hash", "problem"])
    return scan


def content_hashes(scan: pd.DataFrame) -> dict[str, str]:
    """Return path -> content hash for the files that could be read.

    Args:
        scan: what `scan_audio` gave.

    Example:
        >>> content_hashes(pd.DataFrame({"path": ["a.wav", "b.wav"], "hash": ["3f", ""]}))
        {'a.wav': '3f'}
    """
    return {path: digest for path, digest in zip(scan["path"], scan["hash"], strict=True) if digest}


def clip_problems(table: pd.DataFrame, scan: pd.DataFrame) -> pd.Series:
    """Return what is wrong with each clip of a corpus table: its file's problem, or an extent outside of the file.

    Args:
        table: corpus table.
        scan: what `scan_audio` gave for it.

    Returns:
        Text indexed as the table; '' for no problem.

    Example:
        >>> table = pd.DataFrame({"path": ["a.wav"], "start": [2.0], "end": [float("nan")]})
        >>> scan = pd.DataFrame({"path": ["a.wav"], "duration": [1.5], "problem": [""]})
        >>> clip_problems(table, scan).to_list()
        ['starts at 2 s, the file ends at 1.5 s']
    """
    files = scan.set_index("path")
    problems = files["problem"].reindex(table["path"]).fillna("not scanned").to_list()
    durations = files["duration"].reindex(table["path"]).to_list()
    found = []
    for problem, duration, start, end in zip(problems, durations, table["start"], table["end"], strict=True):
        if not problem and start >= duration:
            found.append(f"starts at {start:g} s, the file ends at {duration:g} s")
        elif not problem and end > duration + SLACK:
            found.append(f"ends at {end:g} s, the file at {duration:g} s")
        else:
            found.append(problem)
    return pd.Series(found, index=table.index, dtype=object)


def with_durations(
    table: pd.DataFrame, scan: pd.DataFrame, *, problems: Literal["refuse", "skip"] = "refuse"
) -> pd.DataFrame:
    """Add the column `duration` (s, of the clip) to a corpus table.

    Args:
        table: corpus table.
        scan: what `scan_audio` gave for it.
        problems: 'refuse' raises if a clip has a problem, 'skip' leaves such clips out (`clip_problems` names them).

    Raises:
        AudioError: naming the first clips with problems and their number; or if no clip is left.

    Example:
        >>> table = pd.DataFrame({"path": ["a.wav"], "start": [0.5], "end": [float("nan")]})
        >>> scan = pd.DataFrame({"path": ["a.wav"], "duration": [1.5], "problem": [""]})
        >>> with_durations(table, scan)["duration"].to_list()
        [1.0]
    """
    found = clip_problems(table, scan)
    wrong = found[found != ""]
    if len(wrong) and (problems == "refuse" or len(wrong) == len(table)):
        named = some(f"{path} ({problem})" for path, problem in zip(table.loc[wrong.index, "path"], wrong, strict=True))
        raise AudioError(f"{len(wrong)} of {len(table)} clips cannot be used: {named}; leave them out or replace them")
    kept: pd.DataFrame = table[found == ""].reset_index(drop=True)
    files = scan.set_index("path")["duration"].reindex(kept["path"]).to_numpy(dtype=float)
    ends = np.fmin(kept["end"].to_numpy(dtype=float), files)  # fmin takes the file's end where the clip's is NaN
    kept["duration"] = ends - kept["start"].to_numpy(dtype=float)
    return kept


def _look(path: str, *, decode: bool) -> dict[str, Any]:
    """Look at one file."""
    row: dict[str, Any] = {"path": path, "duration": np.nan, "sample_rate": 0, "channels": 0, "hash": "", "problem": ""}
    if not Path(path).is_file():
        return {**row, "problem": "missing"}
    try:
        row["hash"] = _hash(path)
        with soundfile.SoundFile(path) as file:
            row.update(duration=file.frames / file.samplerate, sample_rate=file.samplerate, channels=file.channels)
            row["problem"] = ("empty" if not file.frames else "") or (_listen(file) if decode else "")
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        row["problem"] = f"unreadable: {error}"
    return row


def _hash(path: str) -> str:
    """Hash the bytes of a file."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _listen(file: soundfile.SoundFile) -> str:
    """Decode a file block by block, in flat memory, and return its fault."""
    faults, heard = set(), 0
    while len(block := file.read(CHUNK, dtype="float32", always_2d=True)):  # blocks() hides that a file is cut off
        faults.add(waveform_fault(block))
        heard += len(block)
    if heard < file.frames:
        return f"unreadable: cut off ({heard} of {file.frames} samples)"
    if "not finite" in faults:
        return "not finite"
    return "" if "" in faults else "silent"
