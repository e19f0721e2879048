"""What bounds a step: its arithmetic against what the device multiplies, its memory traffic against what it copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class Traffic(TorchDispatchMode):
    """Counts the bytes that every operation reads and writes, as if each went through memory; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor)]
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return out


def seconds(call: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Seconds of a call, the best of some."""
    best = float("inf")
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def bounds(step: Callable[[], Any], spent: float, device: torch.device) -> str:
    """Say what a step needs, what the device was measured to give, and what share of it the best variant reached."""
    with FlopCounterMode(display=False) as counter:
        step()
    with Traffic() as traffic:
        step()
    size, length = (8192, 2**28) if device.type == "cuda" else (1024, 2**24)
    matrix, block = torch.randn(size, size, device=device).bfloat16(), torch.zeros(length, device=device)
    arithmetic = counter.get_total_flops() / (2 * size**3 / seconds(lambda: matrix @ matrix, device))
    memory = traffic.bytes / (2 * 4 * length / seconds(block.clone, device))
    limit = "arithmetic" if arithmetic > memory else "memory"
    share = max(arithmetic, memory) / spent
    rest = "" if share > 0.5 else "; most of the time goes into launching many small kernels, not into either"
    return (
        f"A step is {counter.get_total_flops() / 1e9:.0f} GFLOP in matrix products and moves {traffic.bytes / 1e9:.2f} GB"
        f" where nothing is fused. At the measured bfloat16 product and copy rates of the device that takes at least"
        f" {1e3 * arithmetic:.2f} and {1e3 * memory:.2f} ms: {limit} bounds it, and the fastest variant reaches"
        f" {share:.0%} of that bound{rest}."
    )
