"""Device, precision and seeds of a run, through Lightning Fabric."""

from __future__ import annotations

import logging
import random
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import torch

from transfer.errors import RecipeError
from transfer.processes import processes
from transfer.recipe import Compute

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["build_fabric", "seed_everything"]

PATIENCE = timedelta(hours=12)  # of processes that wait while the first one writes


def build_fabric(compute: Compute) -> Fabric:
    """Return the device and precision that a recipe asks for, joined with the other processes that torchrun began.

    Raises:
        RecipeError: for a GPU that is not there, or a precision that the device has not.

    Example:
        >>> build_fabric(Compute(accelerator="cpu")).device
        device(type='cpu')
    """
    if compute.threads:
        torch.set_num_threads(compute.threads)
    if compute.accelerator == "gpu" and not torch.cuda.is_available():
        raise RecipeError("compute.accelerator is gpu, but torch finds none; set it to cpu or auto")
    on_cpu = compute.accelerator == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    if compute.precision == "16-mixed" and on_cpu:
        raise RecipeError("compute.precision is 16-mixed, which needs a GPU; choose bf16-mixed or 32-true on a CPU")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that Fabric imports, and its hints about clusters
        from lightning_fabric import Fabric

        logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
        accelerator = "cuda" if compute.accelerator == "gpu" else compute.accelerator
        world, here = processes()
        if world == 1:
            return Fabric(accelerator=accelerator, devices=1, precision=compute.precision)
        if not on_cpu and here > torch.cuda.device_count():
            raise RecipeError(
                f"torchrun began {here} processes on this machine, which has {torch.cuda.device_count()} GPUs; begin one for "
                "each, or set compute.accelerator=cpu"
            )
        from lightning_fabric.strategies.ddp import DDPStrategy

        group = DDPStrategy(timeout=PATIENCE)
        fabric = Fabric(
            accelerator=accelerator, devices=here, num_nodes=world // here, strategy=group, precision=compute.precision
        )
        fabric.launch()
        return fabric


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch; batches and splits have generators of their own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (for libraries that draw from the global state)
    torch.manual_seed(seed)
