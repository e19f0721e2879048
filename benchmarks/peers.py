"""DANN, CDAN, MMD and MCC of ours, of pytorch-adapt and of tllib, on nEMO -> EMOVO without target labels.

    TRANSFER_CORPORA=... PYTHONPATH=benchmarks:<clone of tllib> uv run python benchmarks/peers.py \
        [--seeds 5] [--jobs 2] [--out runs/peers] [--page docs/peers.md]

All run in one loop, on the same features, network, batches and steps (`recipes/nemo_to_emovo/`); only the strategy of the
recipe differs: ours as shipped, pytorch-adapt's hooks and tllib's losses at their defaults. Without tllib on PYTHONPATH its
rows are left out. A run that is there already is not run again. UAR is the mean over seeds; a difference is paired over
target speakers and seeds, and its interval is over both (`transfer.evaluation.bootstrap`).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from marked_part import replace_marked_part

ALGORITHMS = ("dann", "cdan", "mmd", "mcc")
HOOKS = {"dann": "DANNHook", "cdan": "CDANHook", "mmd": "AlignerHook", "mcc": "MCCHook"}
MARK = "<!-- table: made by benchmarks/peers.py -->"


def strategy(library: str, algorithm: str) -> list[str]:
    """Return the overrides that make the recipe of an algorithm use a library."""
    if library == "pytorch-adapt":
        return [f"strategy={{name: pytorch_adapt, hook: {HOOKS[algorithm]}}}"]
    if library == "tllib":
        return [f'strategy={{name: "tllib_strategies:TllibStrategy", algorithm: {algorithm}}}']
    return []


def one(job: tuple[Path, str, str, int]) -> str:
    """Run one algorithm of one library with one seed."""
    os.environ["OMP_NUM_THREADS"] = "1"
    folder, library, algorithm, seed = job
    if (folder / "summary.json").is_file():
        return f"{folder}: there already"
    from transfer import run

    overrides = [*strategy(library, algorithm), f"training.seed={seed}", "compute.threads=1", "tracking.kind=none"]
    summary = run(f"nemo_to_emovo/{algorithm}", overrides, out=folder)
    return f"{folder}: UAR {summary['metrics']['test']['recording']['uar']:.3f} in {summary['train_seconds']:.0f} s"


def pool(out: Path, library: str, algorithm: str, seeds: int):
    """Return the test predictions of an algorithm of a library, by seed."""
    from transfer.evaluation.pooling import Pool
    from transfer.evaluation.predictions import read_predictions

    tables = {}
    for seed in range(seeds):
        table = read_predictions(out / f"{library}-{algorithm}-{seed}" / "predictions.parquet")
        tables[seed, ""] = table[table["part"] == "test"].reset_index(drop=True)
    return Pool(tables, dict.fromkeys(tables, "mean"))


def render(out: Path, libraries: list[str], seeds: int) -> str:
    """Return the table as Markdown."""
    from transfer.evaluation.paired_difference import paired_difference
    from transfer.evaluation.pooling import Scoring
    from transfer.evaluation.system_scores import score

    scoring = Scoring("uar", "recording", single=False)
    lines = [
        f"| UAR of {seeds} seeds | ours | " + " | ".join(f"{x} | ours - {x}" for x in libraries[1:]) + " |",
        "|---" * (2 * len(libraries)) + "|",
    ]
    for algorithm in ALGORITHMS:
        pools = {x: pool(out, x, algorithm, seeds) for x in libraries}
        value = {x: score(own, scoring, confidence=0.95, draws=5000, seed=0)[0] for x, own in pools.items()}
        cells = [f"{value['ours']:.3f}"]
        for x in libraries[1:]:
            found = paired_difference(pools["ours"], pools[x], scoring, draws=5000)
            if found is None or found.subjects != pools["ours"].tables[0, ""]["subject"].nunique():
                raise SystemExit("the runs were scored on different speakers; remove the folder and run again")
            low, high = found.interval
            cells += [f"{value[x]:.3f}", f"{found.value:+.3f} [{low:+.3f}, {high:+.3f}]"]
        lines.append(f"| {algorithm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/peers"))
    parser.add_argument("--only", default="", help="run this library alone, and write no table")
    parser.add_argument("--page", type=Path, default=Path("docs/peers.md"), help="page whose marked part is replaced")
    a = parser.parse_args()
    libraries = ["ours", "pytorch-adapt"] + (["tllib"] if importlib.util.find_spec("tllib") else [])
    jobs = [
        (a.out / f"{library}-{algorithm}-{seed}", library, algorithm, seed)
        for seed in range(a.seeds)
        for algorithm in ALGORITHMS
        for library in libraries
        if a.only in ("", library)
    ]
    with ProcessPoolExecutor(a.jobs, mp_context=get_context("spawn")) as pool:
        for line in pool.map(one, jobs):
            print(line, flush=True)
    if a.only:
        return
    table = render(a.out, libraries, a.seeds)
    print(table)
    replace_marked_part(a.page, MARK, table)


if __name__ == "__main__":
    main()
