"""Where the features of a run are: on the device as tensors, or on the disk, from which batches are read."""

from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["available_memory", "in_memory"]

SHARE = 0.5
"""Of the memory that is free, what features may take; the model, its activations and what else runs have the rest."""


def available_memory(device: torch.device, *, system: Path = Path("/")) -> int:
    """Return the bytes that a process could take on a device: on a CPU what Linux calls available, or all there is.

    Args:
        device: where tensors would be.
        system: root of the file system that tells of memory, in `proc/meminfo` and in the limits of a container.

    Example:
        >>> available_memory(torch.device("cpu")) > 2**20
        True
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else []
    said = system / "proc/meminfo"
    if said.is_file():
        lines = dict(line.split(":", 1) for line in said.read_text().splitlines() if ":" in line)
        free += [int(lines[name].split()[0]) * 1024 for name in ("MemAvailable",) if name in lines]
    limit, used = (system / "sys/fs/cgroup" / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and used.is_file() and (most := limit.read_text().strip()) != "max":
        free.append(max(int(most) - int(used.read_text()), 0))
    return min(free, default=2**63)


def in_memory(wanted: str, size: int, available: int) -> tuple[bool, str]:
    """Decide where features go, and say so where they do not go into memory.

    Args:
        wanted: `memory`, `disk`, or `auto`: memory, where they take no more than half of what is free.
        size: of all features, in bytes.
        available: memory that is free, in bytes.

    Example:
        >>> in_memory("auto", 10**9, 10**10)
        (True, '')
        >>> in_memory("auto", 10**10, 10**10)[1]
        'features stay on the disk, and batches are read from it: they take 10.0 GB, more than half of the 10.0 GB of
        memory that are free (compute.features: memory keeps them there)'
    """
    if wanted == "memory" or (wanted == "auto" and size <= SHARE * available):
        return True, ""
    why = (
        "as compute.features says"
        if wanted == "disk"
        else f"they take {size / 1e9:.1f} GB, more than half of the {available / 1e9:.1f} GB of memory that are free "
        "(compute.features: memory keeps them there)"
    )
    return False, f"features stay on the disk, and batches are read from it: {why}"
