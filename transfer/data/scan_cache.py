"""What was found in audio files, kept on disk: a file that has not changed since is not opened again."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from transfer.data.cache import cache_folder, key

__all__ = ["Found", "ScanCache", "settled", "stamp"]

SETTLED = 2.0  # s
FORMAT = 2  # counts changes of what a scan finds in the same file
T = TypeVar("T")


class Found(NamedTuple):
    """What a look at a file found.

    Args:
        duration: in s, NaN where unknown.
        sample_rate: in Hz, 0 where unknown.
        channels: number of them, 0 where unknown.
        hash: BLAKE2b of the file's bytes, 128 bits; '' where it could not be read.
        problem: what header or bytes show; '' for none.
        heard: what decoding shows, '' for nothing wrong; None where it was not decoded.
    """

    duration: float = float("nan")
    sample_rate: int = 0
    channels: int = 0
    hash: str = ""
    problem: str = ""
    heard: str | None = None


def stamp(path: str) -> str:
    """Return what tells that a file is the same as before: size, times of its last change of content and of inode.

    Example:
        >>> stamp(__file__) == stamp(__file__)
        True
    """
    seen = os.stat(path)
    return f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}"


class ScanCache:
    """The findings of earlier scans, by absolute path and stamp; none where the cache cannot be used.

    A record carries a digest, and one that does not fit it counts as none; a damaged database is made anew. What cannot
    be written is not kept: a scan never fails because of its cache.

    Args:
        file: the database; in the folder `scans` of the cache by default.

    Example:
        >>> import tempfile
        >>> cache = ScanCache(Path(tempfile.mkdtemp()) / "files.sqlite")
        >>> cache.keep({"a.wav": ("44 17 17", Found(duration=1.5))})
        >>> cache.known({"a.wav": "44 17 17", "b.wav": "44 17 17"})["a.wav"].duration, cache.known({"a.wav": "45 17 17"})
        (1.5, {})
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        with suppress(OSError):  # no place to keep anything
            self._file = file or cache_folder("scans") / f"files-{FORMAT}.sqlite"

    def known(self, stamps: Mapping[str, str]) -> dict[str, Found]:
        """Return the findings for files that have not changed.

        Args:
            stamps: path -> its present stamp.
        """

        def read(base: sqlite3.Connection) -> dict[str, Found]:
            found = {}
            for path, seen in stamps.items():
                row = base.execute(
                    "SELECT record, digest FROM files WHERE path = ?", (os.path.abspath(path),)
                ).fetchone()
                if row is not None and (record := _record(path, seen, *row)) is not None:
                    found[path] = record
            return found

        return self._use(read) or {}

    def keep(self, found: Mapping[str, tuple[str, Found]]) -> None:
        """Write findings.

        Args:
            found: path -> the stamp that it had before it was opened, and what was found.
        """
        rows = []
        for path, (seen, record) in found.items():
            text = json.dumps([seen, *record])
            rows.append((os.path.abspath(path), text, _digest(path, text)))

        def write(base: sqlite3.Connection) -> None:
            with base:
                base.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)

        if rows:
            self._use(write)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the database; where it is damaged, with a new one; None where it cannot be used."""
        if self._file is None:
            return None
        try:
            return _with_base(self._file, work)
        except sqlite3.OperationalError:  # locked, full, not writable: nothing that a new one would mend
            return None
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._file.unlink()
        try:
            return _with_base(self._file, work)
        except sqlite3.Error:
            return None


def _with_base(file: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Open the database, made if it is not there, and do something with it."""
    with closing(sqlite3.connect(file, timeout=30.0)) as base:
        base.execute("CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, record TEXT, digest TEXT)")
        return work(base)


def settled(seen: str) -> bool:
    """Say whether a file's last change lies so far back that the next one will give it another stamp.

    Clocks of file systems tick in steps: a file may change twice in one of them (git calls such a file racily clean).

    Args:
        seen: its stamp.

    Example:
        >>> settled("44 17 17")
        True
    """
    _, *changes = map(int, seen.split())
    return max(changes) / 1e9 < time.time() - SETTLED


def _digest(path: str, text: str) -> str:
    """Return the digest of a record."""
    return key(f"{os.path.abspath(path)}\n{text}")


def _record(path: str, seen: str, text: Any, digest: Any) -> Found | None:
    """Return what a row holds; None if it is damaged or speaks of the file as it was before a change."""
    if digest != _digest(path, str(text)):
        return None
    kept, *values = json.loads(text)
    return Found(*values) if kept == seen else None
