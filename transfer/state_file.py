"""A nested state (dicts, lists, numbers, text, tensors) as one safetensors file with a checksum; nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transfer.data.cache import atomic_write
from transfer.errors import UserError

__all__ = ["read_state", "write_state"]


def write_state(path: Path, state: Any) -> None:
    """Write a state, whole or not at all.

    Args:
        path: the file.
        state: dicts (with any scalar as key), lists, tuples, numbers, text, None, tensors and numpy arrays.

    Raises:
        TypeError: for a value that is none of these.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_state(Path(folder) / "a", {0: torch.ones(2), "best": -math.inf, "left": (1, [None])})
        ...     read_state(Path(folder) / "a")
        {0: tensor([1., 1.]), 'best': -inf, 'left': (1, [None])}
    """
    tensors: dict[str, Tensor] = {}
    skeleton = json.dumps(_skeleton(state, tensors))
    metadata = {"skeleton": skeleton, "sha256": _checksum(skeleton, tensors)}
    atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))


def read_state(path: Path) -> Any:
    """Read a state, on the CPU.

    Raises:
        UserError: where the file is missing, no state, or damaged.
    """
    try:
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
        skeleton = metadata["skeleton"]
        if _checksum(skeleton, tensors) != metadata["sha256"]:
            raise ValueError("its checksum does not fit its content")
        return _filled(json.loads(skeleton), tensors)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"the saved state {path} cannot be used ({error}); begin the run anew") from error


def _skeleton(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON, its tensors taken out."""
    if isinstance(value, np.ndarray):
        return {"array": _skeleton(torch.from_numpy(value.copy()), tensors)}
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()  # tied weights must not share memory in the file
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"dict": [[_skeleton(k, tensors), _skeleton(v, tensors)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) is list else "tuple": [_skeleton(v, tensors) for v in value]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"a state holds {type(value).__name__} ({value!r}); expected dicts, lists, numbers, text or tensors"
    )


def _filled(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Put the tensors back."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_filled(k, tensors): _filled(v, tensors) for k, v in content}
    if kind in ("list", "tuple"):
        items = [_filled(v, tensors) for v in content]
        return items if kind == "list" else tuple(items)
    if kind == "tensor":
        return tensors[content]
    return _filled(content, tensors).numpy() if kind == "array" else float(content)


def _checksum(skeleton: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the hash of everything that a file holds."""
    digest = hashlib.sha256(skeleton.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
