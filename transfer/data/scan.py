"""What the files of a corpus are, without decoding them: durations, rates, channels, content hashes, problems.

A file is opened once and then remembered (`ScanCache`); files are looked at side by side, in batches, so that memory does
not grow with the corpus by more than the table that is returned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import soundfile

from transfer.data.audio import SLACK, waveform_fault
from transfer.data.corpus import some
from transfer.data.riff import missing_audio
from transfer.data.scan_cache import Found, ScanCache, settled, stamp
from transfer.errors import AudioError

__all__ = ["clip_problems", "content_hashes", "scan_audio", "with_durations"]

CHUNK = 1 << 20  # bytes read at a time, and samples decoded at a time
BATCH = 1000  # files between two writes of the cache


def scan_audio(table: pd.DataFrame, *, threads: int = 2, decode: bool = False) -> pd.DataFrame:
    """Look at the header and the content hash of each audio file of a corpus.

    A file whose size and times of change are those of an earlier scan is not opened again.

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
    paths, cache = sorted(set(table["path"])), ScanCache()
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        batches = (paths[first : first + BATCH] for first in range(0, len(paths), BATCH))
        rows = [row for batch in batches for row in _scan(batch, cache, pool, decode)]
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
        ways = "mend or remove the files, or set `bad_audio: skip`" if len(wrong) < len(table) else "replace them"
        raise AudioError(f"{len(wrong)} of {len(table)} clips cannot be used: {named}; {ways}")
    kept: pd.DataFrame = table[found == ""].reset_index(drop=True)
    files = scan.set_index("path")["duration"].reindex(kept["path"]).to_numpy(dtype=float)
    ends = np.fmin(kept["end"].to_numpy(dtype=float), files)  # fmin takes the file's end where the clip's is NaN
    kept["duration"] = ends - kept["start"].to_numpy(dtype=float)
    return kept


def _scan(
    paths: list[str], cache: ScanCache, pool: ThreadPoolExecutor, decode: bool
) -> Iterator[tuple[str | float, ...]]:
    """Look at some files, at those that are known by their stamp alone, and give their rows."""
    stamps = {path: stamp(path) for path in paths if Path(path).is_file()}
    known = cache.known(stamps)
    anew = [path for path in stamps if path not in known or (decode and known[path].heard is None)]
    looked = dict(zip(anew, pool.map(lambda path: _look(path, decode=decode), anew), strict=True))
    # What could not be opened may be so next time: permissions and networks leave no trace in a stamp.
    lasting = [path for path in anew if settled(stamps[path]) and not looked[path].problem.startswith("unreadable")]
    cache.keep({path: (stamps[path], looked[path]) for path in lasting})
    results = known | looked
    for path in paths:
        found = results.get(path, Found(problem="missing"))
        yield path, *found[:4], found.problem or (found.heard or "" if decode else "")


def _look(path: str, *, decode: bool) -> Found:
    """Look into one file: its header, its bytes, and its samples where that is asked for."""
    digest = ""
    try:
        digest = _hash(path)
        with open(path, "rb") as raw:
            missing = missing_audio(raw)
        with soundfile.SoundFile(path) as file:
            problem = f"unreadable: {missing}" if missing else "" if file.frames else "empty"
            heard = _listen(file) if decode and file.frames else "" if decode else None
            return Found(file.frames / file.samplerate, file.samplerate, file.channels, digest, problem, heard)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        return Found(hash=digest, problem=f"unreadable: {error}")


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
