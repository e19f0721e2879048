"""How cost grows: load and training of 1, 4 and 16 times as many slices, in memory and from the disk; MMD by batch.

    python benchmarks/bench_size.py --json size.json            # up to 200,000 slices: 10 GB of temporary files
    python benchmarks/bench_size.py --quick

A corpus is noise that stands in the cache of features already, each slice 39 x 313. Each size runs in a process of its own, so
that its peak of memory is its own; what torch and the engine take before the corpus is loaded is told apart. It is loaded as
`transfer run` does (checksums, statistics of normalisation), and a small network takes an epoch, or as many steps as
`--steps` allows. An exponent is the slope of the logarithms: 1 is linear, 0 does not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from losses.mmd import mmd

FRAMES, BATCHES, WIDTH = 313, (32, 64, 128, 256, 512, 1024), 512
RECIPE = {
    "name": "noise",
    "strategy": {"name": "scratch"},
    "target": {"corpus": "noise"},
    "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 1, "filters": 4},
    "head": {"name": "temporal", "blocks": 1},
    "training": {"epochs": 1, "batch_size": 64},
    "selection": {"by": "last"},
}


def slice_table(slices: int) -> pd.DataFrame:
    """Return the slice table of a corpus of noise: 52 speakers, 44 of whom are for training."""
    number = np.arange(slices)
    speaker = number % 52
    table = pd.DataFrame({"hash": number.astype(str), "start": 0.0, "end": 10.0, "path": "", "corpus": "noise"})
    table["speaker"], table["recording"] = speaker.astype(str), number.astype(str)
    table["label"] = np.where(speaker % 2, "b", "a")
    table["part"] = np.where(speaker < 44, "train", "test")
    table["labelled"] = table["visible"] = speaker < 44
    return table


def fill_cache(slices: int) -> None:
    """Put the features of all slices into the cache."""
    from transfer.build import build_front_end
    from transfer.data.cache import cache_folder
    from transfer.data.feature_cache import FeatureCache, clip_names
    from transfer.data.features import PACK
    from transfer.recipe import Recipe

    noise = np.random.default_rng(0).normal(size=(FRAMES + 997, 39)).astype(np.float32)
    cache = FeatureCache(cache_folder("features"), build_front_end(Recipe.model_validate(RECIPE)).record())
    names = clip_names(slice_table(slices))
    step = PACK // (4 * 39 * FRAMES)
    for first in range(0, slices, step):
        chosen = range(first, min(first + step, slices))
        cache.write(names[first : first + step], [noise[i % 997 : i % 997 + FRAMES] for i in chosen], {})


def train(slices: int, place: str, steps: int) -> dict[str, float]:
    """Load a corpus whose features are cached, train on it, and return seconds and memory."""
    from transfer.build import build_model, build_strategy
    from transfer.device import build_fabric
    from transfer.loop import fit
    from transfer.preparation import Plan, load
    from transfer.recipe import Recipe
    from transfer.strategies import Setting

    torch.set_num_threads(1)
    recipe = Recipe.model_validate({**RECIPE, "compute": {"accelerator": "cpu", "features": place, "threads": 1}})
    fabric, table = build_fabric(recipe.compute), slice_table(slices)
    model = build_model(recipe, in_channels=39, classes={"noise": ("a", "b")})
    model(torch.zeros(64, 39, FRAMES), torch.full((64,), FRAMES), "noise")
    before, clock = peak(), time.process_time()
    prepared = load(recipe, Plan(table, {"noise": ("a", "b")}, {}, "", {}, {}, {}), fabric.device)
    loaded = time.process_time() - clock
    strategy = build_strategy(recipe)
    strategy.attach(Setting(model, prepared.domains, (), "noise", recipe.training, recipe.pretraining))
    (stage,) = strategy.stages()
    (phase,) = stage.phases(0)
    all_steps = -(-int(table["labelled"].sum()) // 64)
    phase = replace(phase, steps=min(all_steps, steps))
    clock = time.process_time()
    record = fit(replace(stage, phases=lambda epoch: [phase]), strategy, prepared.domains, fabric, seed=0, score=None)
    step = (time.process_time() - clock) / record.steps
    figures = {"load_s": loaded, "epoch_s": step * all_steps, "step_ms": 1e3 * step}
    return {**figures, "before_mb": before, "peak_mb": peak(), "features_mb": 4 * 39 * FRAMES * slices / 1e6}


def peak() -> float:
    """Return the largest resident memory of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-9)), 1)[0])


def corpora(sizes: Sequence[int], places: Sequence[str], steps: int) -> dict[str, list[dict[str, float]]]:
    """Measure every size and place in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {place: [] for place in places}
    for slices in sizes:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "TRANSFER_CACHE": folder, "OMP_NUM_THREADS": "1"}
            for job in (
                f"fill_cache({slices})",
                *(f"print(json.dumps(train({slices}, {p!r}, {steps})))" for p in places),
            ):
                code = f"import json; from bench_size import fill_cache, train; {job}"
                command = [sys.executable, "-c", code]
                done = subprocess.run(
                    command, env=environment, cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True
                )
                if job.startswith("print"):
                    place = places[sum(len(rows) for rows in found.values()) % len(places)]
                    found[place].append({"slices": slices, **json.loads(done.stdout.splitlines()[-1])})
                    print(place, {k: round(v, 2) for k, v in found[place][-1].items()}, flush=True)
    return found


def by_batch(rounds: int) -> list[dict[str, float]]:
    """Return milliseconds of MMD, forward and backward, for every batch size; the sizes take turns."""
    torch.set_num_threads(1)
    pairs = {n: [torch.randn(n, WIDTH, requires_grad=True) for _ in "st"] for n in BATCHES}
    spent: dict[int, list[float]] = {n: [] for n in BATCHES}
    for turn in range(rounds + 1):
        for n, (source, target) in pairs.items():
            repeats = max(1, 256 // n)
            start = time.process_time()
            for _ in range(repeats):
                torch.autograd.backward(mmd(source, target))
            if turn:
                spent[n].append((time.process_time() - start) / repeats)
    return [{"n": n, "ms": 1e3 * statistics.median(times)} for n, times in spent.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[12_500, 50_000, 200_000])
    parser.add_argument("--places", nargs="+", choices=["memory", "disk"], default=["disk"])
    parser.add_argument("--steps", type=int, default=200, help="most steps of training of a size")
    parser.add_argument(
        "--quick", action="store_true", help="500, 2,000 and 8,000 slices, in memory too, a whole epoch each"
    )
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args()
    if given.quick:
        given.sizes, given.places, given.steps = [500, 2000, 8000], ["memory", "disk"], 1000
    found = corpora(given.sizes, given.places, given.steps)
    exponents = {
        place: {
            "load": exponent(given.sizes, [row["load_s"] for row in rows]),
            "epoch": exponent(given.sizes, [row["epoch_s"] for row in rows]),
            "memory": exponent(given.sizes, [row["peak_mb"] - row["before_mb"] for row in rows]),
        }
        for place, rows in found.items()
    }
    batches = by_batch(5 if given.quick else 15)
    large = [row for row in batches if row["n"] >= 256]
    law = {
        "exponent": exponent([row["n"] for row in large], [row["ms"] for row in large]),
        "ns_per_pair": 1e6 * large[-1]["ms"] / large[-1]["n"] ** 2,
    }
    print({place: {k: round(v, 2) for k, v in e.items()} for place, e in exponents.items()})
    print(*batches, law, sep="\n")
    if given.json:
        report = {"corpora": found, "exponents": exponents, "mmd": batches, "mmd_law": law, "width": WIDTH}
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
