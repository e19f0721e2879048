"""Does bf16 score what 32 bits score, and how much faster is a run? Paired over seeds on real speech, written into docs/performance.md.

    TRANSFER_CORPORA=... uv run python benchmarks/precision.py [--seeds 3] [--out runs/precision]

nEMO -> EMOVO with two labelled speakers, the recipes as they are. The two precisions take turns, so that a busy machine is as
busy for both. What is there already is not run again.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from evidence import finished
from marked_part import replace_marked_part

MARK = "<!-- precision: made by benchmarks/precision.py -->"
STRATEGIES = ("joint", "mmd", "dann")
PRECISIONS = ("32-true", "bf16-mixed")


def rows(strategy: str, seeds: int, out: Path) -> str:
    """Run what is missing of a strategy, and return its row as Markdown."""
    from transfer import run
    from transfer.evaluation.comparison import compare_runs

    recipe = Path(__file__).parent.parent / "recipes" / "nemo_to_emovo" / f"{strategy}.yaml"
    runs = []
    for seed in range(seeds):
        for precision in PRECISIONS:
            folder = out / strategy / precision / f"seed{seed}"
            if not (folder / "summary.json").is_file():
                changed = ["target.labelled_speakers=2", f"training.seed={seed}", f"compute.precision={precision}"]
                run(recipe, [*changed, "tracking.kind=none"], out=folder)
            runs.append(finished(folder))
    result = compare_runs(runs, baseline="32-true", level="recording", draws=5000)
    by_name = {row["name"]: row for row in result["systems"]}
    gain = by_name["bf16-mixed"]["gain"]
    said = f"{gain['value']:+.3f} [{gain['interval'][0]:+.3f}, {gain['interval'][1]:+.3f}]"
    pairs = zip(*([r.summary["train_seconds"] for r in runs if r.system == name] for name in PRECISIONS), strict=True)
    faster = statistics.median(full / half for full, half in pairs)
    scores = " | ".join(f"{by_name[name]['score']:.3f}" for name in PRECISIONS)
    spread = " / ".join(f"{by_name[name]['seed_std'] or 0:.3f}" for name in PRECISIONS)
    return f"| {strategy} | {scores} | {said} | {spread} | {faster:.2f} |"


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/precision"))
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="its marked part is replaced")
    given = parser.parse_args()
    lines = [
        f"| {given.seeds} seeds | UAR, 32 bits | UAR, bf16 | bf16 minus 32 bits [95%] | seed sd | training, times as fast |",
        "|---|--:|--:|---|--:|--:|",
        *(rows(strategy, given.seeds, given.out) for strategy in STRATEGIES),
    ]
    print("\n".join(lines))
    replace_marked_part(given.page, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
