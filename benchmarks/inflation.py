"""What the protocol of the lab's notes adds to a score: V1 slices of MODMA split by clip, beside a split by speaker.

    uv run python benchmarks/inflation.py [--seeds 3] [--subjects 12] [--recordings 8] [--epochs 25] [--doc docs/leakage.md]

Both protocols see the same stand-in, network, optimizer and number of epochs; only the parts differ. The clip split runs
because its recipe accepts the leaks by name, and its record counts them. The stand-in is synthetic: the table shows the
mechanism, not figures of MODMA.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from marked_part import replace_marked_part

ACCEPTED = ("speaker", "recording", "slice", "audio")
PROTOCOLS = {"clip (the notes')": {"by": "clip", "accept_leakage": list(ACCEPTED)}, "speaker": {"by": "speaker"}}
MARK = "<!-- inflation: made by benchmarks/inflation.py -->"


def one(protocol: str, seed: int, a: argparse.Namespace) -> dict:
    """Run one protocol with one seed, unless its summary is there already."""
    from transfer import run
    from transfer.recipe import Recipe

    folder = a.out / f"{PROTOCOLS[protocol]['by']}-{seed}"
    if not (folder / "summary.json").is_file():
        recipe = Recipe(
            name="inflation",
            strategy={"name": "scratch"},
            target={"corpus": "modma", "slices": {"version": "V1", "seconds": 10, "overlap": 2.5}},
            split={"valid": 0.2, "test": 0.3, "seed": seed, **PROTOCOLS[protocol]},
            extractor={"name": "multi_tim", "mode": "plain", "blocks": 2, "filters": 24},
            head={"name": "temporal", "mode": "plain", "blocks": 2},
            training={"epochs": a.epochs, "batch_size": 32, "seed": seed, "optimizer": {"lr": 0.002}, "monitor": False},
            selection={"by": "last"},
            tracking={"kind": "none"},
            compute={"threads": 1},
            synthetic={"target": {"speakers": a.subjects, "clips": a.recordings}},
        )
        run(recipe, synthetic=True, out=folder)
    return json.loads((folder / "summary.json").read_text())


def row(protocol: str, summaries: list[dict]) -> str:
    """Return a line of the table."""
    scores = [s["metrics"]["test"]["slice"]["uar"] for s in summaries]
    shares = [s["leakage"]["test_in_train"] for s in summaries]
    leaks = [f"{statistics.mean(share[kind] for share in shares):.0%}" for kind in ACCEPTED]
    each = " ".join(f"{score:.3f}" for score in scores)
    return f"| {protocol} | {' | '.join(leaks)} | {statistics.mean(scores):.3f} | {each} |"


def render(a: argparse.Namespace) -> str:
    """Return the table as Markdown."""
    head = [
        f"| split of {a.subjects} subjects | {' | '.join(ACCEPTED)} | UAR of slices, {a.seeds} seeds | each seed |",
        "|" + "---|" * (len(ACCEPTED) + 3),
    ]
    runs = {protocol: [one(protocol, seed, a) for seed in range(a.seeds)] for protocol in PROTOCOLS}
    return "\n".join(head + [row(protocol, summaries) for protocol, summaries in runs.items()])


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--subjects", type=int, default=12)
    parser.add_argument("--recordings", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", type=Path, default=Path("runs/inflation"))
    parser.add_argument("--doc", type=Path, help="file whose marked part is replaced by the table")
    a = parser.parse_args()
    table = render(a)
    print(table)
    if a.doc:
        replace_marked_part(a.doc, MARK, table)


if __name__ == "__main__":
    main()
