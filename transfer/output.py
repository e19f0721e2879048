"""The folder of a run: there whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from transfer.data.cache import atomic_write
from transfer.errors import UserError

__all__ = ["default_folder", "output_folder", "plain", "write_json"]


def default_folder(name: str) -> Path:
    """Return `runs/<name>-<time>`, with a number after it where that is taken."""
    stem = Path("runs") / f"{name}-{datetime.now(timezone.utc).astimezone():%Y%m%d-%H%M%S}"
    taken = (Path(f"{stem}-{i}") for i in range(2, 1000))
    return stem if not stem.exists() else next(p for p in taken if not p.exists())


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into that takes its name only when all went well, and is removed when it did not.

    Raises:
        UserError: where the folder exists and is not empty, or cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out {folder} exists and is not empty; a run never writes over another: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}); name another with --out") from error
    try:
        yield partial
        partial.chmod(0o755)
        try:
            partial.rename(folder)  # takes the place of an empty folder, never of a full one
        except OSError as error:
            raise UserError(
                f"{folder} was filled by another run in the meantime; run again with another --out"
            ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
