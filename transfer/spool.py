"""What a run tells its tracker, kept on disk until the store has taken it: nothing is lost with a store, nothing told twice.

`tracking.spool` is a journal: a line for the run, then one for everything told, appended as it is told, each with a checksum;
a line that was cut off by a crash counts as not told. `tracking.cursor` says how much of each kind the store has taken, and
as which run. A run that is taken up again tells the same things again; what the journal holds already is passed over.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from transfer.data.cache import atomic_write
from transfer.errors import UserError

__all__ = ["CURSOR", "FILES", "JOURNAL", "KINDS", "Spool", "TrackedAs"]

_LOG = logging.getLogger(__name__)
JOURNAL, CURSOR = "tracking.spool", "tracking.cursor"
FILES = (JOURNAL, CURSOR)
KINDS = (
    "params",
    "tags",
    "metrics",
    "datasets",
    "artifacts",
    "models",
    "status",
)  # in the order in which they are sent


@dataclass(frozen=True)
class TrackedAs:
    """As what a run is recorded.

    Args:
        uri: of the store, without a password; "" where it has one, which is not kept.
        experiment: name of the experiment.
        name: of the run.
        parent: id of the run that it is nested in.
        token: by which the run is found again in the store, should its id have been lost.
    """

    uri: str
    experiment: str
    name: str
    parent: str | None = None
    token: str = ""


class Spool:
    """The journal of a run, in a folder or in memory alone.

    Args:
        about: as what the run is recorded; what the folder's journal says goes before it. None reads a journal.
        folder: of the run; None keeps everything in memory.

    Attributes:
        run_id: of the run in the store, None until it is known.
        sent: kind -> number of items that the store has taken.
        again: whether the store may have taken more than the cursor says.
        closed: whether the folder is to be left alone: it may have another name.

    Raises:
        UserError: where a journal to be read is not there, or damaged from its first line on.

    Example:
        >>> spool = Spool(TrackedAs("sqlite:///a.db", "transfer", "first"))
        >>> spool.put("metrics", [("loss", 0.5, 1700000000000, 0)])
        >>> spool.waiting("metrics", 1000), spool.left()
        ([('loss', 0.5, 1700000000000, 0)], 1)
    """

    def __init__(self, about: TrackedAs | None, folder: Path | None = None) -> None:
        self.folder, self.again, self.closed = folder, False, False
        self.run_id: str | None = None
        self.told: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        self.sent = dict.fromkeys(KINDS, 0)
        self._journal: Path | None = None  # None: kept in memory alone
        self._before: set[Any] = set()
        kept = self._read(folder / JOURNAL) if folder and (folder / JOURNAL).is_file() else None
        if kept is None and about is None:
            raise UserError(f"{folder}: no record waits here for its store, or its first line is damaged")
        self.about = kept or TrackedAs(**{**asdict(about or TrackedAs("", "", "")), "token": uuid4().hex})
        if folder is not None:
            self._open(folder, new=kept is None)

    def put(self, kind: str, items: Sequence[Any]) -> None:
        """Keep items, those left out that were told before the run was interrupted."""
        new = [item for item in items if _name(kind, item) not in self._before]
        if new:
            self._append([kind, [self._relative(item) if isinstance(item, Path) else item for item in new]])
            self.told[kind] += new

    def waiting(self, kind: str, most: int) -> list[Any]:
        """Return the first items of a kind that the store has not taken."""
        return self.told[kind][self.sent[kind] : self.sent[kind] + most]

    def left(self) -> int:
        """Return how many items the store has not taken."""
        return sum(len(self.told[kind]) - self.sent[kind] for kind in KINDS)

    def advance(self, kind: str, number: int) -> None:
        """Be told that the store has taken so many more items of a kind."""
        self.sent[kind] += number
        self.save()

    def rewind(self) -> None:
        """Be told that the store has lost the run: everything has to be sent anew, to another."""
        self.run_id, self.sent = None, dict.fromkeys(KINDS, 0)

    def save(self) -> None:
        """Write the cursor."""
        if self.folder is not None and not self.closed:
            text = json.dumps({"run_id": self.run_id, "sent": self.sent})
            try:
                atomic_write(self.folder / CURSOR, lambda path: path.write_text(text, encoding="utf-8"))
            except OSError as error:  # full: what was sent since is asked after when it is sent again
                _LOG.debug("the cursor of the spool was not written: %s", error)

    def remove(self) -> None:
        """Remove the journal: everything was taken, and nothing will follow."""
        self._journal = None
        for file in [self.folder / name for name in FILES] if self.folder else []:
            file.unlink(missing_ok=True)

    def _read(self, path: Path) -> TrackedAs | None:
        """Read journal and cursor; None where the journal says nothing."""
        lines = path.read_bytes().split(b"\n")[:-1]  # what comes after the last line's end was cut off
        found = [_checked(line) for line in lines]
        damaged = found.count(None)
        if damaged:
            _LOG.warning("%s: %d of %d lines are damaged, and cannot be sent", path, damaged, len(lines))
        if not found or found[0] is None:
            return None
        about = TrackedAs(**found[0])
        for kind, items in filter(None, found[1:]):
            self.told[kind] += [self._absolute(kind, item) for item in items]
        self._before = {_name(kind, item) for kind in KINDS for item in self.told[kind]}
        self.again = True
        try:
            cursor = json.loads((path.with_name(CURSOR)).read_text(encoding="utf-8"))
            self.run_id = cursor["run_id"]
            if not damaged:  # else it counts what is not there any more
                self.sent = {kind: min(int(cursor["sent"][kind]), len(self.told[kind])) for kind in KINDS}
        except (OSError, ValueError, TypeError, KeyError):  # the store is asked what it has
            self.run_id, self.sent = None, dict.fromkeys(KINDS, 0)
        return about

    def _open(self, folder: Path, *, new: bool) -> None:
        """Open the journal for what follows, what was cut off of it removed."""
        path = folder / JOURNAL
        try:
            self._journal = path
            if new:
                (folder / CURSOR).unlink(missing_ok=True)
                path.write_bytes(b"")
                self._append(asdict(self.about))
            else:
                os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
        except OSError as error:
            self._unwritten(error)

    def _append(self, entry: Any) -> None:
        """Append a line; where that fails, what follows is kept in memory alone."""
        if self._journal is None:
            return
        try:
            text = json.dumps(entry)
            with self._journal.open("a", encoding="utf-8") as file:
                file.write(f"{zlib.crc32(text.encode()):08x} {text}\n")
        except (OSError, ValueError) as error:
            self._unwritten(error)

    def _unwritten(self, error: Exception) -> None:
        """Say that the journal cannot be written, once."""
        self._journal = None
        _LOG.warning("the spool of the record cannot be written (%s): what the store does not take is lost", error)

    def _relative(self, path: Path) -> str:
        """Return a path as the journal has it: from the run's folder, which takes another name when the run is over."""
        inside = self.folder is not None and path.is_relative_to(self.folder.resolve())
        return str(path.relative_to(self.folder.resolve()) if self.folder and inside else path)

    def _absolute(self, kind: str, item: Any) -> Any:
        """Return an item of the journal as it was told."""
        if kind in ("artifacts", "models"):
            return (self.folder or Path()).resolve() / item
        return tuple(item) if isinstance(item, list) else item


def _checked(line: bytes) -> Any:
    """Return what a line of the journal says, None where it is not as it was written."""
    mark, _, text = line.partition(b" ")
    return json.loads(text) if mark == f"{zlib.crc32(text):08x}".encode() else None


def _name(kind: str, item: Any) -> Any:
    """Return what tells an item from others of its kind: of a metric all but its value and time."""
    if kind == "metrics":
        return kind, item[0], item[3]
    return kind, json.dumps([str(part) if isinstance(part, Path) else part for part in _parts(item)], sort_keys=True)


def _parts(item: Any) -> Sequence[Any]:
    """Return the parts of an item."""
    return item if isinstance(item, (tuple, list)) else [item]
