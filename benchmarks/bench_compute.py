"""What the switches of `compute` do for a training step of the final model (39 x 313): precision, memory that is used again, torch.compile.

    python benchmarks/bench_compute.py --json compute.json
    python benchmarks/bench_compute.py --compile             # adds torch.compile: minutes of compiling on a CPU

Each setting runs in a process of its own, for the allocator's is of the process; the settings take turns. On a CPU processor
time of one thread. `loss` is that of the last step: the same data, the same weights to begin with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "32 bits, memory given back": {"reuse_memory": False},
    "32 bits": {},
    "bf16, memory given back": {"precision": "bf16-mixed", "reuse_memory": False},
    "bf16": {"precision": "bf16-mixed"},
    "32 bits, deterministic": {"deterministic": True},
}
COMPILED: dict[str, dict[str, Any]] = {
    "32 bits, compiled": {"compile": True},
    "bf16, compiled": {"precision": "bf16-mixed", "compile": True},
}
ON_GPU: dict[str, dict[str, Any]] = {
    "tf32": {"precision": "tf32"},
    "fp16": {"precision": "16-mixed"},
    "bf16, CUDA graphs": {"precision": "bf16-mixed", "compile": "cuda_graphs"},
}


def measure(compute: dict[str, Any], batch: int, steps: int) -> dict[str, float]:
    """Return the median milliseconds of a step, the last loss, seconds of compiling and the peak of memory."""
    import torch

    from transfer.build import build_model
    from transfer.compilation import compile_model, compile_seconds
    from transfer.device import build_fabric
    from transfer.loading import load_recipe
    from transfer.recipe import Compute

    torch.set_num_threads(1)
    torch.manual_seed(0)
    chosen = Compute(**compute)
    fabric = build_fabric(chosen)
    on_gpu = fabric.device.type == "cuda"
    model = build_model(load_recipe("casia_to_modma_scratch"), in_channels=39, classes={"noise": ("a", "b")})
    model.to(fabric.device)
    compile_model(model, chosen.compile)
    optimizer = fabric.setup_optimizers(torch.optim.AdamW(model.parameters(), lr=4e-4))
    x = torch.randn(batch, 39, 313, device=fabric.device)
    lengths, labels = torch.full((batch,), 313, device=fabric.device), torch.arange(batch, device=fabric.device) % 2
    clock, spent, value = time.perf_counter if on_gpu else time.process_time, [], 0.0
    for _ in range(steps + 2):
        start = clock()
        optimizer.zero_grad()
        with fabric.autocast():
            loss = torch.nn.functional.cross_entropy(model(x, lengths, "noise"), labels)
        fabric.backward(loss)
        optimizer.step()
        value = loss.item()
        spent.append(clock() - start)
    return {"ms": 1e3 * statistics.median(spent[2:]), "loss": value, "compile_s": compile_seconds(), "peak_mb": peak()}


def peak() -> float:
    """Return the largest resident memory of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of two steps, batches of 32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args()
    rounds, batch, steps = (1, 32, 2) if given.quick else (given.rounds, given.batch, 4)
    settings = SETTINGS | (COMPILED if given.compile else {}) | (ON_GPU if given.device == "cuda" else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in settings}
    for _ in range(rounds):
        for name, compute in settings.items():
            asked = {"accelerator": "gpu" if given.device == "cuda" else "cpu", **compute}
            code = f"import json; from bench_compute import measure; print(json.dumps(measure({asked!r}, {batch}, {steps})))"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=Path(__file__).parent,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows = {
        name: {key: statistics.median(row[key] for row in turns) for key in turns[0]} for name, turns in found.items()
    }
    for name, row in rows.items():
        print(name, {key: round(value, 3) for key, value in row.items()})
    if given.json:
        given.json.write_text(json.dumps({"batch": batch, "settings": rows}, indent=1))


if __name__ == "__main__":
    main()
