"""Time MMD and CORAL, forward and backward, against the same work in other libraries.

    python benchmarks/bench_losses.py --json losses.json --markdown docs/losses_speed.md
    python benchmarks/bench_losses.py --quick
    python benchmarks/bench_losses.py --device cuda --dtype bfloat16

Every cell is the median over rounds in which all libraries take turns, in an order that is drawn anew. A call of more
than five seconds is made once. A library that cannot be imported is reported as such; so is one that would need more
memory than ``--memory``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from losses.coral import coral
from losses.mmd import mmd

Loss = Callable[[Tensor, Tensor], Tensor]
ROWS, WIDTHS = (32, 64, 256, 1024), (64, 512, 12207)
KERNELS = 5
SHORT, SLOW, BUDGET = 0.02, 5.0, 20.0  # seconds of a call, twice, and of all calls of a library in a cell
LIMIT = {"bytes": 6e9}
OURS = ("losses", "losses, fixed bandwidth")


class Impossible(Exception):  # noqa: N818
    """A cell that cannot be measured, and why."""


def bandwidths(width: int) -> list[float]:
    """The five kernels' b_u in exp(-D / b_u), around the expected squared distance of the random features."""
    return [2.0 * width * 2.0**u for u in range(-2, 3)]


def pytorch_adapt_mmd(n: int, width: int) -> Loss:
    """The quadratic estimate; the library's default, a linear one, still computes all distances."""
    from pytorch_adapt.layers import MMDLoss

    loss: Loss = MMDLoss(kernel_scales=2.0 ** torch.arange(-2, 3), mmd_type="quadratic")
    return loss


def geomloss_mmd(n: int, width: int) -> Loss:
    """One call with the five kernels as a kernel of our own, which is the fastest way."""
    from geomloss import SamplesLoss

    def kernel(x: Tensor, y: Tensor, **_: Any) -> Tensor:
        squares = (x * x).sum(-1)[..., :, None] + (y * y).sum(-1)[..., None, :] - 2 * x @ y.transpose(-1, -2)
        return sum((torch.exp(-squares / b) for b in bandwidths(width)), torch.zeros_like(squares))

    loss: Loss = SamplesLoss("gaussian", kernel=kernel, backend="tensorized")
    return loss


def skada_mmd(n: int, width: int) -> Loss:
    """With five bandwidths; by default it takes 33. Its kernel is that of the distance, not squared."""
    from skada.deep.losses import dan_loss  # type: ignore[import-not-found]

    sigmas = [b**0.5 for b in bandwidths(width)]
    return lambda source, target: dan_loss(source, target, sigmas=sigmas)


def tllib_mmd(n: int, width: int) -> Loss:
    """Rebuilt from the published code: each kernel forms all differences, (2n, 2n, d) numbers, and takes their mean."""
    needs(4 * n * n * width * (KERNELS + 2))
    signs = torch.full((2 * n, 2 * n), -1.0 / n**2)
    for half in (slice(0, n), slice(n, 2 * n)):
        signs[half, half] = 1.0 / (n * (n - 1))
    signs.fill_diagonal_(0)

    def loss(source: Tensor, target: Tensor) -> Tensor:
        z = torch.cat([source, target])
        total = z.new_zeros(())
        for u in range(-2, 3):
            squares = ((z[None] - z[:, None]) ** 2).sum(2)
            total = total + torch.exp(-squares / (2.0 * 2.0**u * squares.detach().mean()))
        return (total * signs.to(z.device)).sum() + 2.0 / (n - 1)

    return loss


def pytorch_adapt_coral(n: int, width: int) -> Loss:
    from pytorch_adapt.layers import CORALLoss

    needs(6 * width**2)
    loss: Loss = CORALLoss()
    return loss


def skada_coral(n: int, width: int) -> Loss:
    from skada.deep.losses import deepcoral_loss

    needs(6 * width**2)
    loss: Loss = deepcoral_loss
    return loss


def tllib_coral(n: int, width: int) -> Loss:
    """Rebuilt from the published code, which adds the squared distance of the means."""
    needs(6 * width**2)

    def loss(source: Tensor, target: Tensor) -> Tensor:
        means = source.mean(0, keepdim=True), target.mean(0, keepdim=True)
        x, y = source - means[0], target - means[1]
        gap = x.T @ x / (len(x) - 1) - y.T @ y / (len(y) - 1)
        return (means[0] - means[1]).pow(2).mean() + gap.pow(2).mean()

    return loss


TABLES: dict[str, dict[str, Callable[[int, int], Loss]]] = {
    "MMD": {
        "losses": lambda n, width: mmd,
        "losses, fixed bandwidth": lambda n, width: lambda s, t: mmd(s, t, bandwidth=2.0 * width),
        "pytorch-adapt": pytorch_adapt_mmd,
        "tllib (rebuilt)": tllib_mmd,
        "skada": skada_mmd,
        "geomloss": geomloss_mmd,
    },
    "CORAL": {
        "losses": lambda n, width: coral,
        "pytorch-adapt": pytorch_adapt_coral,
        "tllib (rebuilt)": tllib_coral,
        "skada": skada_coral,
    },
}


def needs(numbers: int) -> None:
    """Refuse a cell of which so many float32 numbers would not fit."""
    if 4 * numbers > LIMIT["bytes"]:
        raise Impossible(f"needs {4 * numbers / 1e9:.0f} GB")


def once(loss: Loss, source: Tensor, target: Tensor) -> float:
    """Seconds of one forward and backward pass."""
    source.grad = target.grad = None
    if source.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    torch.autograd.backward(loss(source, target))
    if source.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def turn(loss: Loss, source: Tensor, target: Tensor) -> float:
    """Seconds of a pass in one turn; a short one is repeated, after one that finds the caches as the last turn left them."""
    first = once(loss, source, target)
    if first > SHORT:
        return first
    return statistics.median(once(loss, source, target) for _ in range(5))


def measure(makers: dict[str, Callable], n: int, width: int, arguments: argparse.Namespace) -> dict[str, float | str]:
    """Median milliseconds of each library in one cell, or why there are none."""
    generator = torch.Generator().manual_seed(n + width)
    source, target = (
        torch.randn(n, width, generator=generator).to(arguments.device, arguments.dtype).requires_grad_() for _ in "st"
    )
    tried = {name: first_call(make, source, target) for name, make in makers.items()}
    losses = {name: outcome for name, outcome in tried.items() if not isinstance(outcome, str)}
    seconds = {name: [first] if first > SLOW else [] for name, (_, first) in losses.items()}
    for _ in range(arguments.rounds):
        due = [name for name, spent in seconds.items() if sum(spent) < BUDGET and max(spent, default=0.0) < SLOW]
        for name in random.sample(due, len(due)):
            seconds[name].append(turn(losses[name][0], source, target))
    medians = {name: 1e3 * statistics.median(spent) for name, spent in seconds.items()}
    return {name: medians[name] if isinstance(outcome, tuple) else outcome for name, outcome in tried.items()}


def first_call(make: Callable[[int, int], Loss], source: Tensor, target: Tensor) -> tuple[Loss, float] | str:
    """Make a loss and call it once (on a GPU twice: the first call compiles); with its seconds, or why it cannot be."""
    try:
        loss = make(*source.shape)
        if source.is_cuda:
            once(loss, source, target)
        return loss, once(loss, source, target)
    except ImportError:
        return "not installed"
    except Impossible as reason:
        return str(reason)
    except RuntimeError as error:
        return f"fails: {str(error).splitlines()[0][:40]}"


def table(title: str, cells: list[dict[str, Any]]) -> list[str]:
    """Markdown of one loss: the best in bold, and how much faster ours is than the best of the others."""
    names = list(TABLES[title])
    lines = ["| n | d | " + " | ".join(names) + " | best other / losses |", "|--:" * (len(names) + 3) + "|"]
    for cell in cells:
        times = cell["milliseconds"]
        others = [times[name] for name in names if name not in OURS and isinstance(times[name], float)]
        best = min(value for value in times.values() if isinstance(value, float))
        texts = [f"**{shown(times[name])}**" if times[name] == best else shown(times[name]) for name in names]
        ratio = f"{min(others) / times['losses']:.2f}" if others else ""
        lines.append(f"| {cell['n']} | {cell['d']} | " + " | ".join(texts) + f" | {ratio} |")
    return lines


def shown(time: float | str) -> str:
    return time if isinstance(time, str) else f"{time:.3g}" if time < 1e3 else f"{time:.0f}"


def machine(arguments: argparse.Namespace) -> dict[str, str]:
    """What was measured on, with the versions of the libraries."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    found = {
        "device": torch.cuda.get_device_name()
        if arguments.device == "cuda"
        else f"{cpu}, {torch.get_num_threads()} thread",
        "dtype": str(arguments.dtype).removeprefix("torch."),
        "load at the start": f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
    }
    installed = {distribution.name.lower().replace("_", "-"): distribution.version for distribution in distributions()}
    packages = ("torch", "numpy", "pytorch-adapt", "geomloss", "skada")
    return found | {package: installed.get(package, "not installed") for package in packages}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each cell")
    parser.add_argument("--quick", action="store_true", help="small cells and five rounds")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=float, default=6.0, help="most GB that one call may take")
    parser.add_argument("--losses", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--markdown", type=Path, help="where to write the page")
    arguments = parser.parse_args()
    arguments.dtype = getattr(torch, arguments.dtype)
    arguments.rounds = min(arguments.rounds, 5 if arguments.quick else arguments.rounds)
    return arguments


def main() -> None:
    arguments = parse()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    LIMIT["bytes"] = arguments.memory * 1e9
    report: dict[str, Any] = {"machine": machine(arguments), "rounds": arguments.rounds, "milliseconds": {}}
    lines = []
    for title in arguments.losses:
        cells = []
        for width in WIDTHS[:2] if arguments.quick else WIDTHS:
            for n in ROWS[::2] if arguments.quick else ROWS:
                cells.append({"n": n, "d": width, "milliseconds": measure(TABLES[title], n, width, arguments)})
                print(title, cells[-1], flush=True)
        report["milliseconds"][title] = cells
        lines += [f"\n## {title}, milliseconds forward and backward\n", *table(title, cells)]
    print("\n".join(lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(page(report, lines))


def page(report: dict[str, Any], lines: list[str]) -> str:
    """The page for the documentation."""
    head = f"""# Speed of the losses

    python benchmarks/bench_losses.py --json losses.json --markdown docs/losses_speed.md

writes this page: medians of {report["rounds"]} rounds in which all libraries take turns, on the same random features,
n rows in each domain and d numbers a row. A call of more than five seconds is made once.

"""
    notes = [
        "",
        "What each does. `losses`: five kernels around the median distance of all pairs, which it finds anew in each call;",
        "and around a fixed one. `pytorch-adapt`: its quadratic estimate with five kernels around the median of the source",
        "pairs. `tllib` is in no registry: its published formula, rebuilt in the script. `skada`: `dan_loss` with five",
        "bandwidths (by default 33), whose kernel is that of the distance instead of its square. `geomloss`: one call with",
        "a kernel that sums five Gaussians; five calls of its own take several times as long.",
    ]
    facts = [f"- {name}: {value}" for name, value in report["machine"].items()]
    return head + "\n".join([*facts, *notes, *lines]) + "\n"


if __name__ == "__main__":
    main()
