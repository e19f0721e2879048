"""The MLflow tracker: writes from a thread of its own, in batches, and never stops a run.

Sqlite takes some 8 ms for a call and hardly longer for a hundred metrics in one, and training waits for neither. What a
failing store does not take waits in the spool (`transfer.spool`) until it does: later in the run, or by `transfer sync`.
"""

from __future__ import annotations

import logging
import os
import posixpath
import queue
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transfer.mlflow_delivery import Delivery
from transfer.mlflow_store import shown_uri, store_uri
from transfer.spool import Spool, TrackedAs
from transfer.tracking import Status, flatten

__all__ = ["MLflowTracker"]

_LOG = logging.getLogger(__name__)
_PARAM_LENGTH, _TAG_LENGTH, _KEY_LENGTH = 6000, 8000, 250  # MLflow's limits
_GATHER = 5.0  # seconds; a write costs the processor 10 ms, which the training of short epochs would feel
_PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)  # seconds to leave a store alone that failed once, twice ...
_PATIENCE = 60.0  # seconds without an answer, after which a run begins, and ends, without its store
_LAST_TRIES, _LAST_PAUSE = 3, 0.3  # when the run is over


class MLflowTracker:
    """Keeps a run in an MLflow store.

    Args:
        uri: of the store; None takes $MLFLOW_TRACKING_URI, else `sqlite:///mlruns/mlflow.db` in the current folder. A
            sqlite store has its artifacts beside the database.
        experiment: name of the experiment; it is made where it is missing.
        run_name: name of the run.
        parent: id of the run that it is nested in; None for a run of its own.
        resume: id of a run that goes on; None begins a new one, unless the spool knows of one.
        folder: of the run, where what the store does not take waits for it; None keeps that in memory alone.

    Attributes:
        uri: of the store, a sqlite path made absolute.
        run_id: the id of the run; None where the store could not be opened so far.
        errors: what was refused for good, and why what waits was not taken.

    Example:
        >>> tracker = MLflowTracker("sqlite:///mlruns/mlflow.db", "transfer", "first")  # doctest: +SKIP
        >>> tracker.metrics({"loss": 0.5}, step=1)  # doctest: +SKIP
        >>> tracker.finish()  # doctest: +SKIP
    """

    def __init__(
        self,
        uri: str | None,
        experiment: str,
        run_name: str,
        *,
        parent: str | None = None,
        resume: str | None = None,
        folder: Path | None = None,
    ) -> None:
        self.uri = store_uri(uri)
        kept = self.uri if shown_uri(self.uri) == self.uri else ""  # a password is not left in a folder
        self._spool = Spool(TrackedAs(kept, experiment, run_name, parent), folder)
        if self._spool.run_id is None and resume is not None:
            self._spool.run_id = resume
        self._delivery = Delivery(self._spool, self.uri)
        self._pending: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: something was told; False: it is over
        self._opened = threading.Event()
        self._writer: threading.Thread | None = threading.Thread(target=self._write, name="tracking", daemon=True)
        self._writer.start()
        self._opened.wait(_PATIENCE)  # a database that is gone is asked for hours by the library that knows it
        if self._delivery.trouble or not self._opened.is_set():
            self._warn("the run is not tracked so far: %s cannot be used (%s)%s")

    @property
    def run_id(self) -> str | None:
        """The id of the run in the store; None where it could not be opened so far."""
        return self._spool.run_id

    @property
    def errors(self) -> list[str]:
        """What was refused for good, and why what waits was not taken."""
        trouble = self._delivery.trouble
        return [*self._delivery.errors, *([trouble] if trouble else [])]

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings; long values are cut, with a note of their length."""
        self._put("params", [(key, _cut(value, _PARAM_LENGTH)) for key, value in _keys(flatten(values)).items()])

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags; long values are cut, with a note of their length."""
        self._put("tags", [(key, _cut(value, _TAG_LENGTH)) for key, value in _keys(flatten(values)).items()])

    def metrics(self, values: Mapping[str, float | None], step: int) -> None:
        """Record numbers of a step, with the time of this call; None is left out."""
        now = int(time.time() * 1000)
        numbers = [(key, float(value), now, step) for key, value in _keys(values).items() if value is not None]
        self._put("metrics", numbers)

    def artifact(self, path: str | os.PathLike[str]) -> None:
        """Record a file, or a folder under its own name; it must stay until `finish` returns."""
        self._put("artifacts", [Path(path).resolve()])

    def dataset(self, name: str, fingerprint: str, role: str, counts: Mapping[str, int]) -> None:
        """Record a corpus by its fingerprint; what counts it has are kept of the first run that hears it."""
        self._put("datasets", [(name, fingerprint, role, dict(counts))])

    def model(self, file: str | os.PathLike[str]) -> None:
        """Record a model file as a model that `mlflow.pyfunc` loads; it must stay until `finish` returns."""
        self._put("models", [Path(file).resolve()])

    def finish(self, status: Status = "FINISHED") -> None:
        """Write what is pending, close the run, and report what could not be written; a second call does nothing."""
        if self._writer is None:
            return
        self._put("status", [(status, int(time.time() * 1000))])
        self._pending.put(False)
        left = self._wait()
        self._writer = None
        if left:
            self._warn(f"{left} entries of the record were not taken by %s (%s)%s")
        elif self.errors:
            _LOG.warning(
                "the record of run %s in %s is not complete: %d writes failed (first: %s)",
                *(self.run_id, shown_uri(self.uri), len(self.errors), self.errors[0]),
            )
        if not left and status == "FINISHED":  # one that was stopped may go on, and must know what it has told
            self._spool.remove()

    def _wait(self) -> int:
        """Wait for the writer, as long as it gets anywhere; return how many entries are left."""
        left = -1
        while self._writer is not None and self._writer.is_alive() and left != self._spool.left():
            left = self._spool.left()
            self._writer.join(_PATIENCE)
        self._spool.closed = True
        return self._spool.left()

    def _warn(self, text: str) -> None:
        """Say what a store does not take, and what becomes of it."""
        trouble = self._delivery.trouble or f"no answer for {_PATIENCE:g} s"
        kept = "; they wait in the run's folder, and `transfer sync FOLDER` sends them" if self._spool.folder else ""
        _LOG.warning(text, shown_uri(self.uri), trouble, kept)

    def _put(self, kind: str, items: list[Any]) -> None:
        """Keep something, and tell the writer."""
        if self._writer is not None:
            self._spool.put(kind, items)
            self._pending.put(True)

    def _write(self) -> None:
        """Be the writer: take what gathers in some seconds, write it in as few calls as may be."""
        going, failures = True, int(not self._delivery.attempt())
        self._opened.set()
        while going:
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1] if failures else None
            going = self._gathered(pause)
            failures = 0 if self._delivery.attempt() or not self._delivery.trouble else failures + 1
        tries = _LAST_TRIES
        while self._delivery.trouble and (tries := tries - 1):
            time.sleep(_LAST_PAUSE)
            before = self._spool.left()
            self._delivery.attempt()
            tries = _LAST_TRIES if self._spool.left() < before else tries  # a store that is slow, not gone

    def _gathered(self, pause: float | None) -> bool:
        """Wait for something to write, or for a pause to be over; say whether more may come."""
        until = time.monotonic() + (_GATHER if pause is None else pause)
        try:
            if pause is None and not self._pending.get():
                return False
            until = time.monotonic() + _GATHER if pause is None else until
            while (left := until - time.monotonic()) > 0:
                if not self._pending.get(timeout=left):
                    return False
        except queue.Empty:
            pass
        return True


def _keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under names that MLflow admits (letters, digits, _ - . / and space), each once."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = posixpath.normpath(re.sub(r"[^/\w.\- ]", "_", key)).lstrip("/.")[:_KEY_LENGTH] or "_"
        number = 2
        while name in result:
            suffix = f"_{number}"
            name, number = name[: _KEY_LENGTH - len(suffix)].removesuffix(f"_{number - 1}") + suffix, number + 1
        result[name] = value
    return result


def _cut(value: Any, length: int) -> str:
    """Return a value as text of at most this length; what is cut is said."""
    text = str(value)
    note = f" ... (cut, {len(text)} characters)"
    return text if len(text) <= length else text[: length - len(note)] + note
