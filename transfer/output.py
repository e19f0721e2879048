"""The folder of a run: there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from transfer.data.cache import atomic_write
from transfer.errors import UserError
from transfer.keeper import Keeper, Unsaved

__all__ = ["alone", "default_folder", "output_folder", "output_lock", "partial_folder", "plain", "write_json"]


def default_folder(name: str) -> Path:
    """Return `runs/<name>-<time>`, with a number after it where that is taken, or another process is at work on it."""
    stem = Path("runs") / f"{name}-{datetime.now(timezone.utc).astimezone():%Y%m%d-%H%M%S}"
    names = (stem, *(Path(f"{stem}-{i}") for i in range(2, 1000)))
    return next(p for p in names if not any(q.exists() for q in (p, partial_folder(p), _lock(p))))


def partial_folder(folder: Path) -> Path:
    """Return where a run is written until everything is in it.

    Example:
        >>> partial_folder(Path("runs/mine")).as_posix()
        'runs/.mine.partial'
    """
    return folder.with_name(f".{folder.name}.partial")


@contextmanager
def output_folder(folder: Path, *, resume: bool = False) -> Iterator[Path]:
    """Give a folder to write into that takes its name only when all went well.

    When it did not, the folder is removed, unless it holds the state of a run that can go on, and whose mistake it was not.
    A state that was there before is never removed: what is refused today can go on when the mistake is mended.

    Args:
        folder: the name that it takes.
        resume: go on in what an interrupted run left.

    Raises:
        UserError: where the folder is there already or cannot be written, another process is at work on it, or what is
            there of an interrupted run does not fit.
    """
    folder = folder.resolve()
    if os.path.exists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        what = (
            "is finished" if resume else "exists and is not empty; a run never writes over another: name a new folder"
        )
        raise UserError(f"{folder} {what}" if resume else f"--out {folder} {what}")
    partial = partial_folder(folder)
    with output_lock(folder):
        _prepare(folder, partial, resume)
        try:
            yield partial
            Keeper.forget(partial)
            partial.rename(folder)  # takes the place of an empty folder, never of a full one
        except BaseException as error:
            mistaken = isinstance(error, UserError) and not isinstance(error, Unsaved) and not resume
            if mistaken or not Keeper.kept(partial):
                shutil.rmtree(partial, ignore_errors=True)
            raise


def _prepare(folder: Path, partial: Path, resume: bool) -> None:
    """Make the folder to write into, or find what an interrupted run left there."""
    kept = Keeper.kept(partial)
    if resume and not kept:
        raise UserError(f"there is nothing to go on with at {folder}: no interrupted run was saved there")
    if kept and not resume:
        raise UserError(
            f"an interrupted run of {folder} is kept; go on with `transfer run --resume {folder}`, or remove {partial}"
        )
    if not kept:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o755)


def _lock(folder: Path) -> Path:
    """Return the file by which a process holds the name of a folder."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def output_lock(folder: Path) -> Iterator[None]:
    """Hold the name of a folder; the lock of a process that is dead holds nothing.

    Raises:
        UserError: where another process holds it, or no lock can be made there.
    """
    file = _lock(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"another process is at work on {folder}; wait for it, or name another with --out") from error
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}); name another with --out") from error
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


@contextmanager
def alone(folder: Path, marker: str, *, patience: float = 0) -> Iterator[None]:
    """Hold the folder of many runs, made where it is not there; no other process may hold it in the meantime.

    Args:
        folder: of a comparison or a sweep.
        marker: the file that says so.
        patience: seconds to wait for another process.

    Raises:
        UserError: where it cannot be written, holds something else, or another process is at work in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}); name another with --out") from error
    if any(path.name != ".lock" for path in folder.iterdir()) and not (folder / marker).is_file():
        kind = {"suite.yaml": "comparison"}.get(marker, Path(marker).stem)
        raise UserError(f"--out {folder} exists, is not empty and holds no {kind}; name a new folder")
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise UserError(f"another process is at work in {folder}; wait for it, or name another folder") from error
    try:
        yield
    finally:
        lock.release()


def write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """Write JSON, whole or not at all; NaN becomes null."""
    atomic_write(
        path, lambda p: p.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    )


def plain(value: Any) -> Any:
    """Turn what JSON does not know into what it knows."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and value != value:
        return None
    return value.item() if hasattr(value, "item") else value
