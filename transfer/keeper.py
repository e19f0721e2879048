"""What an interrupted run needs to go on as if nothing had happened: kept in its folder, and given back stage by stage."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transfer.errors import UserError
from transfer.state_file import read_state, write_state

__all__ = ["ASKED", "Keeper", "Record", "Stopped", "Unsaved"]

STATE, ASKED = "state.safetensors", "asked.json"


@dataclass
class Record:
    """What a stage left behind.

    Args:
        stage: its name.
        epochs: one dict an epoch: mean of every term, gradient norm, learning rate, validation scores.
        best_epoch: the epoch whose weights were kept (from 0); -1 where the last was.
        stopped: why it ended before its epochs were over, or "".
        steps: optimizer steps taken.
    """

    stage: str
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    stopped: str = ""
    steps: int = 0


class Stopped(KeyboardInterrupt):
    """The user, or whoever manages the machine, asked the run to stop; it saved its state and left."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class Unsaved(UserError):  # noqa: N818 (like Stopped, it says what became of the run)
    """A state that could not be written; the one before is still there."""


class Keeper:
    """Saves the state of a run, and hands it back when the run is taken up again.

    A state is saved at the end of an epoch, and every `steps` steps where that is given, but not more often than every
    `seconds` seconds; and after the step during which SIGINT or SIGTERM came.

    Args:
        folder: of the unfinished run; None keeps nothing.
        steps: save after so many steps too; None saves at ends of epochs alone.
        seconds: between two saves, at least.

    Example:
        >>> Keeper(None).stage("transfer") is None
        True
    """

    def __init__(self, folder: Path | None, *, steps: int | None = None, seconds: float = 5.0) -> None:
        self.folder, self.steps, self.seconds = folder, steps, seconds
        self.run: dict[str, Any] = {}  # what the run as a whole has found: kept with every state
        self.done: list[Record] = []  # stages that are over
        self.agree: Callable[[int], int] = (
            int  # a signal sent to one of several processes stops all after the same step
        )
        self._taken_up: Mapping[str, Any] | None = None
        self._signal, self._since, self._last, self._start = 0, 0, time.monotonic(), time.perf_counter()
        if folder is not None and (folder / STATE).is_file():
            saved = read_state(folder / STATE)
            self.run, self._taken_up = saved["run"], saved["stage"]
            self.done = [Record(**record) for record in saved["done"]]

    def finished(self, stage: str) -> Record | None:
        """Return the record of a stage that was over when the state was saved."""
        return next((record for record in self.done if record.stage == stage), None)

    def stage(self, name: str) -> Mapping[str, Any] | None:
        """Return the state within a stage, once; None where it begins."""
        taken_up = self._taken_up
        if taken_up is None or taken_up["name"] != name:
            return None
        self._taken_up = None
        state: Mapping[str, Any] = taken_up["state"]
        return state

    def over(self, record: Record) -> None:
        """Be told that a stage is over."""
        if self.finished(record.stage) is None:
            self.done.append(record)

    def step(self, stage: str, capture: Callable[[], Mapping[str, Any]], *, epoch_over: bool = False) -> None:
        """Be told that a step was taken, or that an epoch is over; save where it is time to.

        Args:
            stage: its name.
            capture: gives the state within the stage.
            epoch_over: whether the epoch is.

        Raises:
            Stopped: where a signal asked for it; the state is saved.
        """
        if self.folder is None:
            return
        self._signal = self.agree(self._signal)
        self._since += not epoch_over
        due = epoch_over or (self.steps is not None and self._since >= self.steps)
        if self._signal or (due and time.monotonic() - self._last >= self.seconds):
            self._save(self.folder, stage, capture())
        if self._signal:
            name = signal.Signals(self._signal).name
            raise Stopped(f"{name}: the run is saved; go on with --resume", self._signal)

    def _save(self, folder: Path, stage: str, state: Mapping[str, Any]) -> None:
        """Write the state."""
        done = [asdict(record) for record in self.done]
        run = {**self.run, "seconds": self.seconds_so_far()}
        try:
            write_state(folder / STATE, {"run": run, "done": done, "stage": {"name": stage, "state": state}})
        except OSError as error:  # full, not writable: to train on without being able to save is what nobody asked for
            raise Unsaved(
                f"the state of the run cannot be saved in {folder} ({error.strerror or error}); mend that, then go on from "
                f"the state before with --resume, or begin anew where there is none"
            ) from error
        self._since, self._last = 0, time.monotonic()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Finish the step and save on SIGINT and SIGTERM, instead of dying at once; a second one does that."""
        if self.folder is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: Any) -> None:
        """Note a signal; give way to the second."""
        if self._signal:
            raise KeyboardInterrupt
        self._signal = number

    def start_clock(self) -> None:
        """Count the seconds of training from here: what came before was no training."""
        self._start = time.perf_counter()

    def seconds_so_far(self) -> float:
        """Return the time spent on the run, that before an interruption with it."""
        return float(self.run.get("seconds", 0.0)) + time.perf_counter() - self._start

    @staticmethod
    def forget(folder: Path) -> None:
        """Remove the state from a folder: its run is finished."""
        (folder / STATE).unlink(missing_ok=True)
        (folder / ASKED).unlink(missing_ok=True)

    @staticmethod
    def kept(folder: Path) -> bool:
        """Tell whether a folder holds the state of an unfinished run."""
        return (folder / STATE).is_file()
