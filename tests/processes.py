"""Several processes that compute together, for tests of what they must agree in."""

import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def together(world: int, function: Callable[[int], Any], folder: Path) -> list[Any]:
    """Return what a function of the rank gives on each of so many processes, joined by gloo; forked, so it may be local."""
    context = multiprocessing.get_context("fork")
    meeting = f"file://{folder}/meeting-{len(list(folder.iterdir()))}"
    started = []
    for rank in range(world):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_joined, args=(rank, world, meeting, function, sender))
        process.start()
        sender.close()
        started.append((process, receiver))
    found = [pickle.loads(receiver.recv_bytes()) for _, receiver in started]
    for process, _ in started:
        process.join(60)
    for wrong in (result for result, right in found if not right):
        raise AssertionError(wrong)
    return [result for result, _ in found]


def _joined(rank: int, world: int, meeting: str, function: Callable[[int], Any], sender: Any) -> None:
    """Join the others, and send what the function gives, or why it failed."""
    import torch.distributed as dist

    try:
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
        found = pickle.dumps((function(rank), True))
    except BaseException:  # it must not reach the test runner that this process was forked from
        found = pickle.dumps((traceback.format_exc(), False))
    sender.send_bytes(found)
    sender.close()
    os._exit(0)


BY_ITSELF = pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ,
    reason="forks, which a process with threads must not: tests/test_forked.py runs it by itself",
)
"""Mark of the modules whose tests call `together`."""
