"""The processes of one run, as torchrun begins them: the first writes, tracks and speaks, the others compute with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from transfer.errors import UserError
from transfer.keeper import STATE
from transfer.output import output_folder, partial_folder

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from transfer.recipe import Recipe

__all__ = ["agreed_folder", "agreed_signal", "is_first", "processes", "refuse_several", "run_folder", "untracked"]


def processes() -> tuple[int, int]:
    """Return how many processes compute this run together, and how many of them on this machine; 1 and 1 without torchrun.

    Example:
        >>> processes()
        (1, 1)
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        return 1, 1
    return int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])


def is_first() -> bool:
    """Tell whether this is the process that writes and speaks.

    Example:
        >>> is_first()
        True
    """
    return processes()[0] == 1 or os.environ["RANK"] == "0"


def refuse_several(command: str) -> None:
    """Refuse a command that is no single run where torchrun began several processes.

    Raises:
        UserError: saying how several runs are spread.
    """
    if processes()[0] > 1:
        raise UserError(
            f"torchrun began {processes()[0]} processes of `transfer {command}`, and each would do the same; torchrun is for "
            "`transfer run`, many runs are spread by --jobs or --engine ray"
        )


def untracked(recipe: Recipe) -> Recipe:
    """Return a recipe that nothing records, for all processes but the first."""
    if is_first():
        return recipe
    return recipe.model_copy(update={"tracking": recipe.tracking.model_copy(update={"kind": "none"})})


def agreed_folder(fabric: Fabric, folder: Path) -> Path:
    """Return the folder that the first process goes by: a default name has the time in it."""
    if fabric.world_size == 1:
        return folder
    folder = folder.resolve()
    name = torch.zeros(4096, dtype=torch.uint8)  # the longest path of Linux
    said = str(folder).encode()
    name[: len(said)] = torch.tensor(list(said), dtype=torch.uint8)
    name = name.to(fabric.device)
    dist.broadcast(name, 0)
    return Path(bytes(name.tolist()).rstrip(b"\0").decode())


def agreed_signal(fabric: Fabric, number: int) -> int:
    """Return the signal that any of the processes was sent, 0 for none: all stop after the same step."""
    if fabric.world_size == 1:
        return number
    sent = torch.tensor(number, device=fabric.device)
    dist.all_reduce(sent, dist.ReduceOp.MAX)
    return int(sent)


@contextmanager
def run_folder(fabric: Fabric, folder: Path, *, resume: bool) -> Iterator[Path]:
    """Give the first process the folder of the run (`transfer.output`), and each other one that is thrown away.

    Args:
        fabric: of the run.
        folder: the name that it takes.
        resume: go on in what an interrupted run left; every process goes on from the state that the first one saved.
    """
    if fabric.global_rank == 0:
        with output_folder(folder, resume=resume) as partial:
            fabric.barrier()
            yield partial
        return
    fabric.barrier()
    with TemporaryDirectory() as own:
        if resume:
            shutil.copy(partial_folder(folder) / STATE, own)
        yield Path(own)
