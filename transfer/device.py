"""Device, precision and seeds of a run, through Lightning Fabric."""

from __future__ import annotations

import ctypes
import logging
import os
import random
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from transfer.errors import RecipeError
from transfer.processes import processes
from transfer.recipe import Compute

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["build_fabric", "reuse_memory", "seed_everything"]

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
    if compute.reuse_memory:
        reuse_memory()
    if compute.deterministic:
        _repeat_exactly()
    on_cpu = _on_cpu(compute)
    world, here = processes()
    _refuse(compute, on_cpu, world, here)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = compute.precision == "tf32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that Fabric imports, and its hints about clusters
        from lightning_fabric import Fabric

        logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
        accelerator = "cuda" if compute.accelerator == "gpu" else compute.accelerator
        precision = "32-true" if compute.precision == "tf32" else compute.precision
        if world == 1:
            fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
        else:
            fabric = _joined(world, here, accelerator=accelerator, precision=precision)
    if fabric.device.type == "cpu":  # Fabric makes each step of an optimizer look for a GPU's driver on the disk
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    return fabric


def _repeat_exactly() -> None:
    """Let torch use operations alone that give the same bits again; the setting is of the process, and stays."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, products on a GPU are refused
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads such memory
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False


def _on_cpu(compute: Compute) -> bool:
    """Tell whether a run computes on the CPU."""
    return compute.accelerator == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())


def _refuse(compute: Compute, on_cpu: bool, world: int, here: int) -> None:
    """Refuse what the machine does not have."""
    if compute.accelerator == "gpu" and not torch.cuda.is_available():
        raise RecipeError("compute.accelerator is gpu, but torch finds none; set it to cpu or auto")
    if compute.precision == "16-mixed" and on_cpu:
        raise RecipeError("compute.precision is 16-mixed, which needs a GPU; choose bf16-mixed or 32-true on a CPU")
    for name, value in (("precision", compute.precision), ("compile", compute.compile)):
        if value in ("tf32", "cuda_graphs") and (on_cpu or not torch.cuda.is_available()):
            raise RecipeError(f"compute.{name} is {value}, which needs an NVIDIA GPU; leave it out")
    if not on_cpu and world > 1 and here > torch.cuda.device_count():
        raise RecipeError(
            f"torchrun began {here} processes on this machine, which has {torch.cuda.device_count()} GPUs; begin one for "
            "each, or set compute.accelerator=cpu"
        )


def _joined(world: int, here: int, **options: Any) -> Fabric:
    """Return a device that is joined with those of the other processes."""
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    group = DDPStrategy(timeout=PATIENCE)
    fabric = Fabric(devices=here, num_nodes=world // here, strategy=group, **options)
    fabric.launch()
    return fabric


def reuse_memory() -> bool:
    """Let the C library keep the memory that tensors leave, and say whether it does (glibc alone has the switch).

    By default glibc maps every large tensor anew and unmaps it, so that the system clears its pages at each step. Kept
    memory settles within some steps, at up to a few times what the tensors of one step take. The setting is of the
    process, and stays.

    Example:
        >>> reuse_memory() in (True, False)
        True
    """
    most_mapped, trim_threshold = -4, -1  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    return bool(mallopt(most_mapped, 0) and mallopt(trim_threshold, 2**31 - 1))


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch; batches and splits have generators of their own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (for libraries that draw from the global state)
    torch.manual_seed(seed)
