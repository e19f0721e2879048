"""What tracking costs: a training loop with MLflow and without, side by side, and single calls.

    python benchmarks/bench_tracking.py --json tracking.json

Each round trains the same small model twice in one process, once with a tracker on a sqlite store and once with none, and
tells each epoch's metrics as a run does; who goes first changes by the round. `path` is what training itself waits
for, `whole` has the opening of the run, its params, tags, corpora and files, its model and the writing of what is left;
`processor` is the time of all threads, which others on the machine disturb least. Medians of the rounds. MLflow is imported
and the tables are made before: a process pays for the one once, a store for the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from transfer.build import build_model
from transfer.checkpoint import FILE, write_checkpoint
from transfer.loading import load_recipe
from transfer.mlflow_tracker import MLflowTracker
from transfer.recipe import Recipe
from transfer.summary import public_recipe
from transfer.tracking import NullTracker, Tracker

CLASSES = {"nemo": ("anger", "sadness"), "emovo": ("anger", "sadness")}


def train(tracker: Tracker, recipe: Recipe, epochs: int, steps: int, metrics: int) -> float:
    """Train a model of the recipe on noise, tell the tracker of every epoch, and return the seconds."""
    torch.manual_seed(0)
    model = build_model(recipe, in_channels=39, classes=CLASSES)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    features, lengths, labels = torch.randn(8, 39, 200), torch.full((8,), 200), torch.arange(8) % 2
    start = time.perf_counter()
    for epoch in range(epochs):
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(model(features, lengths, "emovo"), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        tracker.metrics({f"transfer/metric_{k}": loss.item() / (k + 1) for k in range(metrics)}, step=epoch)
    return time.perf_counter() - start


def tracked(store: str | None, recipe: Recipe, file: Path, sizes: tuple[int, int, int]) -> dict[str, float]:
    """Return the seconds of the training path, of the whole run, and of the processor in all its threads."""
    start, processor = time.perf_counter(), time.process_time()
    tracker: Tracker = MLflowTracker(store, "bench", "run") if store else NullTracker()
    tracker.params(public_recipe(recipe))
    tracker.tags({"strategy": "mmd", "source": "nemo", "target": "emovo", "synthetic": False})
    tracker.dataset("emovo", "298d4bb353875efe", "target", {"slices": 500, "speakers": 6})
    path = train(tracker, recipe, *sizes)
    tracker.metrics({f"test/score_{k}": 0.5 for k in range(200)}, step=0)
    for name in range(6):
        tracker.artifact(file.with_name(f"{name}.json"))
    tracker.model(file)
    tracker.finish()
    whole, processor = time.perf_counter() - start, time.process_time() - processor
    return {"path": path, "whole": whole, "processor": processor}


def calls(store: str, metrics: int, number: int = 100) -> dict[str, float]:
    """Return the milliseconds of a queued call for an epoch's metrics, and of direct calls to MLflow's client."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    tracker = MLflowTracker(store, "bench", "calls")
    client, run_id, values = MlflowClient(store), tracker.run_id, {f"m{k}": 0.5 for k in range(metrics)}
    ways: dict[str, Callable[[int], object]] = {
        "one metric, queued": lambda step: tracker.metrics({"queued": 0.5}, step),
        f"{metrics} metrics, queued": lambda step: tracker.metrics(values, step),
        "one metric, direct": lambda step: client.log_metric(run_id, "direct", 0.5, step=step),
        f"{metrics} metrics, direct in a batch": lambda step: client.log_batch(
            run_id, metrics=[Metric(key, value, 0, step) for key, value in values.items()]
        ),
    }
    took: dict[str, list[float]] = {}
    for name, call in ways.items():
        for step in range(number):
            start = time.perf_counter()
            call(step)
            took.setdefault(name, []).append(1000 * (time.perf_counter() - start))
            if "queued" in name:
                time.sleep(0.01)  # an epoch takes longer; the writer is busy beside it
    tracker.finish()
    return {name: round(statistics.median(values), 4) for name, values in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--steps", type=int, default=4, help="of an epoch; few of them make tracking dear")
    parser.add_argument("--metrics", type=int, default=20, help="of an epoch")
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe("nemo_to_emovo/mmd")
    sizes = (given.epochs, given.steps, given.metrics)
    seconds: dict[str, list[dict[str, float]]] = {"none": [], "mlflow": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        classes = {name: list(names) for name, names in CLASSES.items()}
        record = {"recipe": public_recipe(recipe), "classes": classes}
        write_checkpoint(file, build_model(recipe, in_channels=39, classes=CLASSES), {}, record)
        for name in range(6):
            file.with_name(f"{name}.json").write_text("{}" * 5000)
        stores = {"none": None, "mlflow": f"sqlite:///{folder}/mlflow.db"}
        for store in stores.values():  # imports, tables
            tracked(store, recipe, file, (1, 1, given.metrics))
        for number in range(given.rounds):
            for name in sorted(stores, reverse=bool(number % 2)):
                seconds[name].append(tracked(stores[name], recipe, file, sizes))
        single = calls(str(stores["mlflow"]), given.metrics)
    found = _medians(seconds)
    print(
        f"{given.epochs} epochs of {given.steps} steps, {given.metrics} metrics each; load {os.getloadavg()[0]:.1f}\n"
    )
    print("| | none, s | mlflow, s | more, s | of the run |\n|---|--:|--:|--:|--:|")
    for part, of in found.items():
        times = " | ".join(f"{of[name]:.3f}" for name in ("none", "mlflow", "seconds_more"))
        print(f"| {part} | {times} | {100 * of['share']:+.2f}% |")
    print("\n| call | ms |\n|---|--:|")
    for name, value in single.items():
        print(f"| {name} | {value:.3f} |")
    if given.json:
        result = {"sizes": dict(zip(("epochs", "steps", "metrics"), sizes, strict=True)), "rounds": given.rounds}
        given.json.write_text(json.dumps({**result, "run": found, "call_ms": single}, indent=2), encoding="utf-8")


def _medians(seconds: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return medians, and the median of the rounds' differences as a share of the run without tracking."""
    found = {}
    for part in seconds["none"][0]:
        medians = {name: statistics.median(times[part] for times in rounds) for name, rounds in seconds.items()}
        pairs = zip(seconds["mlflow"], seconds["none"], strict=True)
        more = statistics.median(with_[part] - without[part] for with_, without in pairs)
        found[part] = {**medians, "seconds_more": more, "share": more / medians["none"]}
    return found


if __name__ == "__main__":
    main()
