"""Features kept clip by clip, so that any choice of the same clips, in any order, finds them.

The cache holds packs: safetensors files with the `frames` (total frames, C) of some clips one after another, their
`lengths` and `checksums` (clips,), and in the metadata the names of the clips. A clip's name is the hash of its audio and
its extent; the file's begins with a hash of the front end's exact parameters. So another model never computes features
again, and another front-end parameter always does.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import weakref
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from transfer.data.cache import atomic_write, key

__all__ = ["FeatureCache", "Pack", "clip_names"]

log = logging.getLogger(__name__)


def clip_names(slices: pd.DataFrame) -> list[str]:
    """Return what names each slice in the cache: the hash of its audio, and its extent in s.

    Args:
        slices: slice table with columns hash, start and end.

    Example:
        >>> clip_names(pd.DataFrame({"hash": ["1f"], "start": [0.0], "end": [2.5]}))
        ['1f:0.000000:2.500000']
    """
    columns = zip(slices["hash"], slices["start"], slices["end"], strict=True)
    return [f"{h}:{float(start):.6f}:{float(end):.6f}" for h, start, end in columns]


class Pack:
    """One file of the cache, open, of which clips are read as they are asked for.

    Reading is chosen over mapping: mapped pages count as memory of the process, and a file that is cut short under it
    kills it. A file that is removed in the meantime stays readable.

    Args:
        path: the file.

    Attributes:
        names: of its clips, in their order.
        lengths: frames of each clip; 0 where its audio could not be used.
        problems: row -> why it could not.

    Raises:
        ValueError: for a file that is not whole, or whose index is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, descriptor)
        self._file, self._lock = open(descriptor, "rb", buffering=0, closefd=False), Lock()  # noqa: SIM115 (for clips to come)
        try:
            size = int.from_bytes(self._file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("the file is not as long as it says")
            header = json.loads(self._file.read(size))
            metadata = header.pop("__metadata__")
            self._begin = 8 + size + header["frames"]["data_offsets"][0]
            self.channels = int(header["frames"]["shape"][1])
            with safe_open(path, "np") as file:  # which refuses a file of another length
                self.lengths, self.checksums = file.get_tensor("lengths"), file.get_tensor("checksums")
            if metadata["checksum"] != _checksum(metadata["index"], self.lengths, self.checksums):
                raise ValueError("its index differs from the checksum")
        except (SafetensorError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its header is not that of features: {error}") from error
        said = json.loads(metadata["index"])
        self.names: list[str] = said["names"]
        self.problems = {int(row): str(why) for row, why in said["problems"].items()}
        self._starts = np.cumsum(self.lengths) - self.lengths

    def clip(self, row: int) -> np.ndarray:
        """Read the features of a clip, (T, C).

        Raises:
            OSError: where the file has lost its end since it was opened.
        """
        clip = np.empty((int(self.lengths[row]), self.channels), np.float32)
        with self._lock:
            self._file.seek(self._begin + 4 * self.channels * int(self._starts[row]))
            read = self._file.readinto(clip.data.cast("B")) if clip.size else 0
        if read != clip.nbytes:
            raise OSError(f"cached features {self.path} were cut short while they were in use; begin the run anew")
        return clip

    def verify(self, rows: Iterable[int]) -> None:
        """Compare clips with their checksums.

        Raises:
            ValueError: for the first that differs.
        """
        for row in rows:
            if zlib.crc32(self.clip(row)) != self.checksums[row]:
                raise ValueError("checksum differs")


class FeatureCache:
    """The packs of one front end in a folder.

    Args:
        folder: where they are.
        front_end: its exact parameters.
    """

    def __init__(self, folder: Path, front_end: Mapping[str, Any]) -> None:
        self.folder, self.prefix = folder, key(json.dumps(front_end, sort_keys=True))

    def find(self, names: Collection[str]) -> dict[str, tuple[Pack, int]]:
        """Return the pack and row of every clip that is there and intact; a damaged pack is said and removed."""
        found: dict[str, tuple[Pack, int]] = {}
        for path in sorted(self.folder.glob(f"{self.prefix}-*.safetensors")):
            try:
                pack = Pack(path)
                rows = {name: row for row, name in enumerate(pack.names) if name in names and name not in found}
                pack.verify(rows.values())
            except FileNotFoundError:
                continue  # another process has just removed it
            except (ValueError, OSError) as error:
                log.warning("cached features %s are damaged (%s); they are computed again", path.name, error)
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                continue
            found |= {name: (pack, row) for name, row in rows.items()}
        return found

    def write(self, names: Sequence[str], clips: Sequence[np.ndarray], problems: Mapping[int, str]) -> None:
        """Write a pack.

        Args:
            names: of its clips.
            clips: features of each, (T, C).
            problems: row -> why its audio could not be used.
        """
        lengths = np.array([len(clip) for clip in clips], np.int64)
        checksums = np.array([zlib.crc32(np.ascontiguousarray(clip).data) for clip in clips], np.int64)
        index = json.dumps({"names": list(names), "problems": dict(problems)})
        metadata = {"index": index, "checksum": _checksum(index, lengths, checksums)}
        tensors = {"frames": np.concatenate(clips), "lengths": lengths, "checksums": checksums}
        path = self.folder / f"{self.prefix}-{key(json.dumps(list(names)))[:16]}.safetensors"
        atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))


def _checksum(index: str, lengths: np.ndarray, checksums: np.ndarray) -> str:
    """Return the checksum of what says where the clips are."""
    return key(f"{index}{lengths.tolist()}{checksums.tolist()}")
