"""Where things that can be made again are kept: features, stand-ins, the salt of hashed ids."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

from transfer.errors import UserError

__all__ = ["atomic_write", "cache_folder", "hash_id", "key"]


def cache_folder(*parts: str) -> Path:
    """Return a folder of the cache, made if it is not there: $TRANSFER_CACHE, else the user's cache folder."""
    root = Path(os.environ.get("TRANSFER_CACHE") or platformdirs.user_cache_dir("transfer-speech"))
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def atomic_write(path: Path, write: Callable[[Path], object], *, mode: int = 0o644) -> None:
    """Write a file so that it is there whole or not at all: temporary file beside it, flushed to disk, renamed.

    Args:
        path: the file.
        write: is called with the temporary path and writes it.
        mode: permissions of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def key(text: str) -> str:
    """Return the cache key of a description.

    Example:
        >>> len(key("mfcc order 3"))
        32
    """
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hash_id(identifier: str) -> str:
    """Return the salted hash that stands for a speaker or recording in what is recorded.

    The salt is drawn once for each project ($TRANSFER_PROJECT, a name) and stays in the cache folder, so that runs of one
    machine and project can be paired by subject while the id cannot be found by hashing guesses, nor a subject of one
    project in another.

    Raises:
        UserError: where the salt is damaged: with another, or none, nobody could be paired or protected.
    """
    project = os.environ.get("TRANSFER_PROJECT", "")
    path = cache_folder() / (f"salt-{key(project)}" if project else "salt")
    if not path.is_file():
        with FileLock(path.with_suffix(".lock")):  # of two processes one draws
            if not path.is_file():
                atomic_write(path, lambda temporary: temporary.write_text(secrets.token_hex(16)), mode=0o600)
    salt = path.read_bytes()
    if not re.fullmatch(rb"[0-9a-f]{32}", salt):
        raise UserError(
            f"the salt of hashed ids, {path}, is damaged; put it back, or remove it: then ids are hashed anew"
        )
    return hashlib.blake2b(identifier.encode(), key=salt, digest_size=6).hexdigest()
