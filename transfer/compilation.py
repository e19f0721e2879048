"""torch.compile of extractor and heads, in place: names and weights of the model stay as they are."""

from __future__ import annotations

from typing import Literal

from transfer.model import TransferModel

__all__ = ["compile_model", "compile_seconds"]


def compile_model(model: TransferModel, how: Literal[False, True, "cuda_graphs"]) -> None:
    """Let extractor and heads be compiled at their first forward pass.

    Batches are cut to their longest slice; at the second length the graph is compiled for all. With CUDA graphs each
    length has a graph of its own, which pays where slices are of one length.

    Args:
        model: extractor and heads.
        how: False leaves it as it is.

    Example:
        >>> from torch import nn
        >>> compile_model(TransferModel(nn.Linear(1, 1), {}, order=[]), False)
    """
    if not how:
        return
    from torch._functorch import config

    config.donated_buffer = False  # the monitor and some strategies go backward through a graph twice
    mode = "reduce-overhead" if how == "cuda_graphs" else "default"
    for module in (model.extractor, *model.heads.values()):
        module.compile(mode=mode, dynamic=False if how == "cuda_graphs" else None)


def compile_seconds() -> float:
    """Return the seconds that this process has spent on compiling so far.

    Example:
        >>> compile_seconds() >= 0
        True
    """
    from torch._dynamo.utils import calculate_time_spent

    return round(float(calculate_time_spent().get("total_wall_time", 0.0)), 1)
