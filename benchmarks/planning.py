"""What a comparison of MODMA's real size costs: steps measured, runs and machines computed from them.

    OMP_NUM_THREADS=1 python benchmarks/planning.py --json planning.json --page docs/planning.md

Each phase of each strategy takes a few steps on noise of the corpora's real size (MODMA 3,549 slices x 39 x 313, CASIA 1,200 x
39 x 188), with the recipes as they are; the processor's time of a step times the steps that the recipe asks for is a run.
Processor time is what others on the machine disturb least. `--check` runs a recipe on stand-ins with few and with
more epochs, and compares the slope with what the same arithmetic says of it. The GPU is modelled, not measured: a step
takes as long as its kernels take to be launched, or its operations to be computed, whichever is longer.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from marked_part import replace_marked_part
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from transfer import run
from transfer.build import build_model, build_strategy
from transfer.data.domain import HIDDEN, Domain
from transfer.device import build_fabric
from transfer.loading import load_recipe
from transfer.loop import fit
from transfer.prediction import predict
from transfer.preparation import load, plan
from transfer.recipe import Compute, Recipe
from transfer.standins import with_standins
from transfer.strategies import Draw, Phase, Setting, Strategy

STRATEGIES = ("freeze", "finetune", "joint", "mmd", "dann", "ae", "ddg")
SIZES = {"casia": (1200, 188, 6, 4), "modma": (3549, 313, 2, 52)}  # slices, frames, classes, speakers
SEEDS, FOLDS = 10, 52
LAUNCH, RATE = (
    10e-6,
    10e12,
)  # of the modelled GPU: seconds to launch a kernel, operations a second that such small ones reach
SIDE_BY_SIDE = 4  # trials that share the GPU: each waits for its own core to launch kernels
MARK = "<!-- planning: made by benchmarks/planning.py -->"


class Kernels(TorchDispatchMode):
    """Counts the operations that a GPU would launch a kernel for."""

    FREE = (
        "view",
        "reshape",
        "transpose",
        "permute",
        "expand",
        "slice",
        "select",
        "detach",
        "unsqueeze",
        "squeeze",
        "alias",
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not any(word in func.name() for word in self.FREE)
        return func(*args, **(kwargs or {}))


def noise(name: str) -> Domain:
    """Return a corpus of its real size, parted as a fold of leave-one-speaker-out is."""
    slices, frames, classes, speakers = SIZES[name]
    who = np.arange(slices) % speakers
    part = np.where(who == 0, "test", np.where(who % 5 == 1, "valid", "train"))
    if name == "casia":  # nobody tests it
        part = np.where(np.arange(slices) % 5 == 0, "valid", "train")
    names = [f"c{k}" for k in range(classes)]
    labels = torch.arange(slices) // speakers % classes
    table = pd.DataFrame({"part": part, "speaker": who.astype(str), "recording": who.astype(str)})
    table["label"] = [names[k] for k in labels]
    train = torch.from_numpy(np.flatnonzero(part == "train"))
    pools = {p: torch.from_numpy(np.flatnonzero(part == p)) for p in ("valid", "test")}
    shown = labels.where(torch.from_numpy(part == "train"), torch.tensor(HIDDEN))
    features, lengths = torch.randn(slices, 39, frames), torch.full((slices,), frames)
    return Domain(name, tuple(names), features, lengths, shown, {"labelled": train, "any": train, **pools}, table)


def attached(recipe: Recipe, domains: Mapping[str, Domain]) -> Strategy:
    """Return the recipe's strategy on these corpora."""
    model = build_model(recipe, in_channels=39, classes={name: d.classes for name, d in domains.items()})
    strategy = build_strategy(recipe)
    strategy.attach(Setting(model, domains, ("casia",), "modma", recipe.training, recipe.pretraining))
    return strategy


def steps_of(phase: Phase, domains: Mapping[str, Domain], batch: int) -> int:
    """Return the steps of a phase."""

    def passes(draw: Draw) -> int:
        return math.ceil(len(domains[draw.corpus].pools[draw.pool]) / max(2, round(batch * draw.share)))

    return phase.steps or max(map(passes, phase.draws))


def costs(recipe: Recipe, domains: Mapping[str, Domain], *, more: int = 4) -> dict[str, dict[str, float]]:
    """Return, for each stage and phase of a run, its steps, and the seconds, kernels and operations of one."""
    strategy, fabric, found = attached(recipe, domains), build_fabric(Compute(accelerator="cpu", threads=1)), {}
    for stage in strategy.stages():
        strategy.begin(stage.name)
        phases = [phase for epoch in range(stage.epochs) for phase in stage.phases(epoch)]
        for name in dict.fromkeys(phase.name for phase in phases):
            same = [phase for phase in phases if phase.name == name]

            def take(steps: int, stage: Any = stage, phase: Phase = same[-1]) -> float:
                short = replace(
                    stage, epochs=1, phases=lambda epoch: [replace(phase, steps=steps)], settings=stage.settings
                )
                start = time.process_time()
                fit(short, strategy, domains, fabric, seed=0, score=None)
                return time.process_time() - start

            take(1)
            seconds = (take(1 + more) - take(1)) / more
            with Kernels() as kernels, FlopCounterMode(display=False) as operations:
                take(1)
            steps = sum(steps_of(phase, domains, stage.settings.batch_size) for phase in same)
            told = {
                "steps": steps,
                "seconds": seconds,
                "kernels": kernels.count,
                "operations": operations.get_total_flops(),
            }
            found[f"{stage.name}/{name}"] = {**told, "epochs": stage.epochs}
    return found


def scoring_seconds(recipe: Recipe, domains: Mapping[str, Domain]) -> float:
    """Return the seconds of scoring the target's validation part, as after every epoch."""
    model = attached(recipe, domains).setting.model
    model.use_statistics("modma")
    start = time.process_time()
    predict(model, domains["modma"], "valid", plain_ids=True)
    return time.process_time() - start


def gpu_seconds(cost: Mapping[str, float]) -> float:
    """Return what a step takes by the model of the GPU."""
    return max(cost["kernels"] * LAUNCH, cost["operations"] / RATE)


def check(recipe: Recipe, few: int = 3, many: int = 9) -> dict[str, float]:
    """Return the seconds of an epoch on stand-ins as measured by whole runs and as computed, and what a run costs beside."""
    here = {"corpora": with_standins(recipe)}["corpora"]
    prepared = load(here, plan(here), torch.device("cpu"))
    domains = {name: domain.without_truth() for name, domain in prepared.domains.items()}
    one = here.model_copy(update={"training": here.training.model_copy(update={"epochs": 3})})
    computed = sum(c["steps"] * c["seconds"] for c in costs(one, domains).values()) / 3
    computed += scoring_seconds(one, prepared.domains)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for epochs in (few, few, many):  # the first pays for what is imported once
            recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": epochs})})
            start = time.process_time()
            run(recipe, synthetic=True, out=Path(folder) / f"{epochs}-{len(list(Path(folder).iterdir()))}")
            seconds[epochs] = time.process_time() - start
    slope = (seconds[many] - seconds[few]) / (many - few)
    return {"measured": slope, "computed": computed, "beside": seconds[few] - few * slope}


def page(found: Mapping[str, Any]) -> str:
    """Return the tables."""
    rows = [
        "| strategy | steps | s a step, one core | scoring, min | one run, min | of it pretraining |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found["strategies"].items():
        minutes = " | ".join(f"{row[part] / 60:.0f}" for part in ("scoring", "run", "pretraining"))
        rows.append(f"| {name} | {row['steps']:,} | {row['step']:.2f} | {minutes} |")
    total, gpu = found["core_hours"], found["gpu_hours"]
    rows += ["", f"{len(STRATEGIES)} strategies x {SEEDS} seeds x {FOLDS} folds = {found['runs']:,} runs,"]
    rows[-1] += f" pretraining shared by the strategies of a seed and fold: **{total:,.0f} core hours**."
    rows += ["", "| where | trials at a time | wall time |", "|---|---|---|"]
    for where, slots in (
        ("1 core", 1),
        ("1 machine, 16 cores", 16),
        ("1 machine, 64 cores", 64),
        ("10 nodes of 64 cores", 640),
    ):
        rows.append(f"| {where} | {slots} | {_days(found['longest'], total, slots)} |")
    rows.append(f"| 1 GPU (modelled) | {SIDE_BY_SIDE} | {_days(found['longest_gpu'], gpu, SIDE_BY_SIDE)} |")
    rows.append(f"| 10 GPUs (modelled) | {10 * SIDE_BY_SIDE} | {_days(found['longest_gpu'], gpu, 10 * SIDE_BY_SIDE)} |")
    if checked := found.get("check"):
        rows += ["", f"Check: an epoch of ddg on stand-ins takes {checked['measured']:.2f} s by whole runs and"]
        rows[-1] += (
            f" {checked['computed']:.2f} s by this arithmetic; a run costs {checked['beside']:.1f} s beside its epochs."
        )
    return "\n".join(rows)


def _days(longest: float, hours: float, slots: int) -> str:
    """Return the wall time of so many hours of work on so many slots."""
    wall = max(hours / slots, longest)
    return f"{wall / 24:,.1f} days" if wall > 48 else f"{wall:,.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    domains, found = {name: noise(name) for name in SIZES}, dict[str, Any]()
    for name in STRATEGIES:
        recipe = load_recipe(f"casia_to_modma_{name}")
        parts = costs(recipe, domains)
        scoring = scoring_seconds(recipe, domains) * recipe.training.epochs
        pretraining = sum(c["steps"] * c["seconds"] for where, c in parts.items() if where.startswith("pretraining"))
        seconds = sum(c["steps"] * c["seconds"] for c in parts.values())
        gpu = sum(c["steps"] * gpu_seconds(c) for c in parts.values()) + scoring / seconds * sum(
            c["steps"] * gpu_seconds(c) for c in parts.values()
        )
        steps = sum(c["steps"] for c in parts.values())
        found[name] = {
            "steps": steps,
            "step": seconds / steps,
            "scoring": scoring,
            "run": seconds + scoring,
            "gpu": gpu,
        }
        found[name] |= {"pretraining": pretraining, "phases": parts}
        print(
            f"{name}: {steps} steps, {seconds / steps:.3f} s each, a run of {(seconds + scoring) / 3600:.2f} h",
            flush=True,
        )
    again = sum(row["pretraining"] for row in found.values()) - max(row["pretraining"] for row in found.values())
    hours = SEEDS * FOLDS / 3600
    result = {
        "strategies": found,
        "runs": len(STRATEGIES) * SEEDS * FOLDS,
        "core_hours": hours * (sum(row["run"] for row in found.values()) - again),
        "gpu_hours": hours * sum(row["gpu"] for row in found.values()),
        "longest": max(row["run"] for row in found.values()) / 3600,
        "longest_gpu": max(row["gpu"] for row in found.values()) / 3600,
    }
    if asked.check:
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
        result["check"] = check(load_recipe("casia_to_modma_ddg", ["compute.threads=1"], synthetic=True))
    print(page(result))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if asked.page:
        replace_marked_part(asked.page, MARK, page(result))


if __name__ == "__main__":
    main()
