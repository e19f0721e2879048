"""What the engine costs: the training of `transfer run` beside a bare PyTorch loop over the same tensors, in turns.

    python benchmarks/bench_loop.py --json loop.json

The corpus is noise, each clip of ten seconds: 39 x 313. `transfer run` trains on it with all that it does by default (tracking,
monitor, clipping, states saved), but for validation, which is no training. After each of its epochs a bare loop takes as
many steps, on a model of its own of the same recipe, with the same optimizer, batch size and loss: rows are gathered,
`zero_grad`, forward, `backward`, `step`, nothing else. The figures are medians of the epochs' ratios. On a CPU of one thread
processor time counts, which a busy machine hardly changes. The monitor looks at the gradients once in 64 steps; what a
look costs is measured by itself, and its share is added to the ratio.

`small` is a network so cheap that the loop itself shows: its milliseconds are the same with any network.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from transfer.build import build_model
from transfer.evaluation.monitor import gradient_norm
from transfer.experiment import run
from transfer.loading import load_recipe
from transfer.progress import Reporter

CLASSES, FRAMES, EVERY = ("a", "b"), 313, 64
SMALL = ("extractor={name: multi_tim, mode: plain, blocks: 1, filters: 4}", "head={name: temporal, blocks: 1}")


def write_corpus(root: Path, clips: int) -> None:
    """Write clips of noise of ten seconds, with a manifest, of sixteen speakers."""
    import soundfile

    rng, lines = np.random.default_rng(0), ["path,speaker,label"]
    for i in range(clips):
        soundfile.write(root / f"{i}.wav", 0.1 * rng.standard_normal(160_000), 16000)
        lines.append(f"{i}.wav,s{i % 16},{CLASSES[i % 16 // 8]}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


class Turns(Reporter):
    """Takes the time of every epoch of a run, and lets the bare loop train for as long.

    Args:
        bare: takes so many steps.
        clock: in s.
        steps: of an epoch.
    """

    def __init__(self, bare: Callable[[int], None], clock: Callable[[], float], steps: int) -> None:
        super().__init__()
        self.bare, self.clock, self.steps = bare, clock, steps
        self.seconds: list[tuple[float, float]] = []
        self.last = 0.0

    def epoch(self, values: Mapping[str, float]) -> None:
        """Note the epoch that is over, and take the other's turn."""
        over = self.clock()
        self.bare(self.steps)
        done = self.clock()
        if self.last:
            self.seconds.append((over - self.last, done - over))
        self.last = self.clock()


def bare_loop(
    overrides: list[str], batch: int, device: torch.device
) -> tuple[Callable[[int], None], Callable[[], Callable[[], float]]]:
    """Return a call that takes so many steps, and one that prepares a look at the gradient as the monitor takes it."""
    recipe = load_recipe("casia_to_modma_scratch", overrides)
    model = build_model(recipe, in_channels=39, classes={"noise": CLASSES}).to(device)
    extractor, head = model.extractor, model.head("noise")
    chosen = recipe.training.optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=chosen.lr, betas=chosen.betas, weight_decay=chosen.weight_decay
    )
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=recipe.training.label_smoothing)
    features = torch.randn(4 * batch, 39, FRAMES, device=device)
    labels = torch.arange(4 * batch, device=device) % 2

    def loss() -> torch.Tensor:
        rows = torch.randint(len(labels), (batch,), device=device)
        result: torch.Tensor = criterion(head(extractor(features[rows])), labels[rows])
        return result

    def steps(number: int) -> None:
        for _ in range(number):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    def look() -> Callable[[], float]:
        terms, weights = [loss()], list(extractor.parameters())
        return lambda: gradient_norm(terms, weights)

    return steps, look


def compare(overrides: list[str], rounds: int, steps: int, batch: int, device: torch.device) -> dict[str, float]:
    """Return milliseconds of a step of either, and the ratio, for a recipe."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "noise")
        root.mkdir()
        write_corpus(root, steps * batch * 16 // 14)
        os.environ["TRANSFER_CACHE"] = str(Path(folder, "cache"))
        asked = [
            *("target.corpus=noise", "target.reader=manifest", f"target.root={root}", "source=[]"),
            *("split={by: speaker, valid: 0, test: 0.125, near_copies: false, seed: 0}", "selection.by=last"),
            *(f"training.epochs={rounds + 2}", f"training.batch_size={batch}", "compute.threads=1"),
            *(f"tracking.uri=sqlite:///{folder}/mlflow.db", *overrides),
        ]
        bare, look = bare_loop(asked, batch, device)
        turns = Turns(bare, clock, steps)
        summary = run("casia_to_modma_scratch", asked, out=Path(folder, "run"), reporter=turns)
        taken = summary["selection"]["epochs"]["transfer"]["steps"]
        assert taken == steps * (rounds + 2), (taken, steps, rounds)
        looks = []
        for _ in range(3):
            looking = look()
            start = clock()
            looking()
            looks.append(clock() - start)
    seconds = turns.seconds[1:]  # in the first the monitor looks
    ratio = statistics.median(engine / alone for engine, alone in seconds)
    alone = statistics.median(alone for _, alone in seconds) / steps
    monitor = statistics.median(looks) / EVERY / alone
    return {
        "engine_ms": 1e3 * statistics.median(engine for engine, _ in seconds) / steps,
        "bare_ms": 1e3 * alone,
        "ratio": ratio + monitor,
        "monitor_share": monitor,
        "samples_per_second": batch / (alone * (ratio + monitor)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=6, help="of an epoch; ten times as many of the small model")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="three rounds of four steps")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", choices=["final model", "small"])
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args()
    rounds, most = (3, 4) if given.quick else (given.rounds, given.steps)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    device, found = torch.device(given.device), {}
    place = f"compute.accelerator={'gpu' if given.device == 'cuda' else 'cpu'}"
    for name, overrides, times in (("final model", [place], 1), ("small", [place, *SMALL], 10)):
        if given.only in (None, name):
            found[name] = compare(overrides, rounds, most * times, given.batch, device)
            print(name, {key: round(value, 4) for key, value in found[name].items()}, flush=True)
    if given.json:
        given.json.write_text(
            json.dumps({"rounds": rounds, "steps": most, "batch": given.batch, "loop": found}, indent=1)
        )


if __name__ == "__main__":
    main()
