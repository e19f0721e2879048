"""Every strategy on nEMO -> EMOVO: run the recipes, and write the table of the README from what the runs recorded.

    TRANSFER_CORPORA=... uv run python benchmarks/nemo_to_emovo.py [--seeds 3] [--jobs 2] [--out runs/nemo_to_emovo]

A run that is there already is not run again. Two protocols: without target labels (adaptation hears all six speakers'
clips unlabelled, and all six are scored), and with two labelled speakers drawn by the seed (the other four are scored).
UAR is that of the clips of all seeds together; its 95% interval resamples target speakers (a t interval with a
bootstrap standard error, `transfer.evaluation.bootstrap`), a speaker's clips of all seeds staying together.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from marked_part import replace_marked_part

UNSUPERVISED = ("source_only", "mmd", "dann", "ae", "ddg")
FEW_SHOT = ("scratch", "source_only", "freeze", "finetune", "joint", "mmd", "dann", "ae", "ddg")
PROTOCOLS = {"0": UNSUPERVISED, "2": FEW_SHOT}
# A pass over two speakers is six steps. Those whose epoch is such a pass get four times the epochs of those whose epoch
# is a pass over the source, so that all take about as many steps; the recipes of freeze, finetune and scratch say so.
FEW_SHOT_OVERRIDES = {
    "ddg": ["training.epochs=48", "strategy.every=12"],
    "ae": ["training.epochs=48", "strategy.every=24"],
}
MARK = "<!-- nemo_to_emovo: made by benchmarks/nemo_to_emovo.py -->"


def one(job: tuple[Path, str, str, int]) -> str:
    """Run one recipe with one seed."""
    os.environ["OMP_NUM_THREADS"] = "1"
    folder, strategy, labelled, seed = job
    if (folder / "summary.json").is_file():
        return f"{folder}: there already"
    from transfer import run

    overrides = FEW_SHOT_OVERRIDES.get(strategy, []) if labelled != "0" else []
    overrides = [*overrides, f"training.seed={seed}", f"target.labelled_speakers={labelled}", "compute.threads=1"]
    summary = run(f"nemo_to_emovo/{strategy}", overrides, out=folder)
    return f"{folder}: UAR {summary['metrics']['test']['recording']['uar']:.3f} in {summary['train_seconds']:.0f} s"


def row(folders: list[Path]) -> dict:
    """Put the seeds of one strategy together."""
    import pandas as pd

    from transfer.evaluation.aggregation import aggregate
    from transfer.evaluation.bootstrap import bootstrap_interval
    from transfer.evaluation.metrics import confusion, uar
    from transfer.evaluation.predictions import read_predictions

    summaries = [json.loads((f / "summary.json").read_text()) for f in folders]
    scores = [s["metrics"]["test"]["recording"]["uar"] for s in summaries]
    tables = []
    for seed, folder in enumerate(folders):
        table = read_predictions(folder / "predictions.parquet")
        table = table[table["part"] == "test"]
        tables.append(table.assign(recording=table["recording"] + f"/{seed}", slice=table["slice"] + 100_000 * seed))
    pooled = pd.concat(tables, ignore_index=True)
    low, high = bootstrap_interval(pooled, "uar", level="recording")
    seconds = sum(s["train_seconds"] for s in summaries) / len(summaries)
    return {
        "uar": float(uar(confusion(aggregate(pooled, "recording")))),
        "scores": scores,
        "low": low,
        "high": high,
        "seconds": seconds,
    }


def render(out: Path, seeds: int) -> str:
    """Return the two tables as Markdown."""
    titles = {"0": "No target labels: all 6 speakers scored", "2": "2 labelled target speakers: the other 4 scored"}
    parts = []
    for labelled, strategies in PROTOCOLS.items():
        lines = [
            f"| {titles[labelled]} | UAR, {seeds} seeds | 95% over speakers | each seed | training, s |",
            "|---|---|---|---|---|",
        ]
        for strategy in strategies:
            r = row([out / f"{strategy}-{labelled}-{seed}" for seed in range(seeds)])
            each = " ".join(f"{s:.3f}" for s in r["scores"])
            lines.append(
                f"| {strategy} | {r['uar']:.3f} | [{r['low']:.3f}, {r['high']:.3f}] | {each} | {r['seconds']:.0f} |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/nemo_to_emovo"))
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="file whose marked part is replaced")
    a = parser.parse_args()
    jobs = [
        (a.out / f"{strategy}-{labelled}-{seed}", strategy, labelled, seed)
        for seed in range(a.seeds)
        for labelled, strategies in PROTOCOLS.items()
        for strategy in strategies
    ]
    with ProcessPoolExecutor(a.jobs) as pool:
        for line in pool.map(one, jobs):
            print(line, flush=True)
    table = render(a.out, a.seeds)
    print(table)
    replace_marked_part(a.readme, MARK, table)


if __name__ == "__main__":
    main()
