"""Do freeze, finetune, joint, MMD, DANN, AE and DDG help, by how much, and which part of DDG does the work? Run, and write it down.

    TRANSFER_CORPORA=... uv run python benchmarks/lab_question.py [--seeds 3] [--jobs 1] [--out runs/lab_question]

Two places: stand-ins of CASIA and MODMA with a known shift (52 subjects, the recipes of `recipes/casia_to_modma_*.yaml` on a
small network), and nEMO -> EMOVO (`recipes/nemo_to_emovo/`). There the strategies stand in the
README (`benchmarks/nemo_to_emovo.py`), and only DDG is taken apart. Every row is set against training from scratch on the same
labelled target speakers, with the interval of the difference over speakers and seeds. What is there already is not run again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from evidence import finished
from marked_part import replace_marked_part

STRATEGIES = ("scratch", "freeze", "finetune", "joint", "mmd", "dann", "ae", "ddg")
PARTS: dict[str, dict[str, Any]] = {  # of DDG: what is changed
    "ddg without DANN": {"strategy.adversarial": 0.0},
    "ddg without MMD": {"strategy.mmd": 0.0},
    "ddg without hidden networks": {"strategy.hidden": "none"},
    "ddg with one shared hidden network": {"strategy.hidden": "shared"},
}
MARK = "<!-- lab question: made by benchmarks/lab_question.py -->"


class Place(NamedTuple):
    """Where the question is put.

    Args:
        title: in words.
        recipe: name of a strategy's recipe, with {} for the strategy.
        every: epochs between DDG's alignments -> name of the row; the recipe's own is `ddg`.
        own: what single strategies change.
        overrides: what all change.
        synthetic: on stand-ins.
        level: of the score.
        labelled: numbers of labelled target speakers; DDG's parts are taken away at the first.
        strategies: that are run.
    """

    title: str
    recipe: str
    every: dict[str, int]
    own: dict[str, dict[str, Any]]
    overrides: dict[str, Any]
    synthetic: bool
    level: str
    labelled: tuple[int, ...]
    strategies: tuple[str, ...] = STRATEGIES


STANDIN = Place(
    "stand-ins of CASIA -> MODMA, shift 0.3",
    "casia_to_modma_{}",
    {"ddg every epoch": 1, "ddg every 6 epochs": 6},
    {},
    {
        "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 3, "filters": 16},
        "head": {"name": "temporal", "mode": "diff", "blocks": 3, "fusion": "linear"},
    },
    True,
    "subject",
    (16, 4),
)
REAL = Place(
    "nEMO -> EMOVO",
    "nemo_to_emovo/{}",
    {"ddg every epoch": 4, "ddg every 6 epochs": 24},  # an epoch here is a quarter of one of the source's
    {
        "ddg": {"training.epochs": 48, "strategy.every": 12},
        "ae": {"training.epochs": 48, "strategy.every": 24},
    },
    {},
    False,
    "recording",
    (2,),
    ("scratch", "ddg"),  # the others: benchmarks/nemo_to_emovo.py
)


def entries(place: Place, parts: bool) -> list[dict[str, Any]]:
    """Return the rows of a place."""
    rows = [
        {"recipe": place.recipe.format(name), "name": name, "overrides": place.own.get(name, {})}
        for name in place.strategies
    ]
    if parts:
        changed = PARTS | {name: {"strategy.every": every} for name, every in place.every.items()}
        rows += [
            {
                "recipe": place.recipe.format("ddg"),
                "name": name.replace(" ", "_"),
                "overrides": {**place.own.get("ddg", {}), **change},
            }
            for name, change in changed.items()
        ]
    return rows


def table(place: Place, labelled: int, given: argparse.Namespace) -> list[str]:
    """Run what is missing with so many labelled speakers, and return the rows as Markdown, best first."""
    from transfer.comparing import compare_suite
    from transfer.evaluation.comparison import compare_runs
    from transfer.progress import Reporter
    from transfer.suite import Suite

    settings = {"tracking.kind": "none", "target.labelled_speakers": labelled, **place.overrides}
    suite = Suite.model_validate(
        {
            "name": "lab_question",
            "recipes": entries(place, labelled == place.labelled[0]),
            "seeds": given.seeds,
            "controls": [],
            "overrides": settings,
            "synthetic": place.synthetic,
            "jobs": given.jobs,
        }
    )
    folder = given.out / f"{'standin' if place.synthetic else 'real'}-{labelled}"
    found = compare_suite(suite, out=folder, resume=folder.exists(), reporter=Reporter())
    if found["failures"]:
        raise SystemExit(f"a row is missing: {found['failures'][0]}")
    runs = [finished(file.parent) for file in sorted(folder.glob("runs/*/seed*/summary.json"))]
    result = compare_runs(runs, baseline="scratch", level=place.level, draws=5000)
    lines = [
        f"**{place.title}, {labelled} labelled target speakers, {given.seeds} seeds**",
        "",
        "| row | UAR [95%] | minus scratch [95%] | p (Holm) | seed sd | training, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(result["systems"], key=lambda row: -row["score"]):
        gain = row["gain"]
        said = f"{gain['value']:+.3f} [{gain['interval'][0]:+.3f}, {gain['interval'][1]:+.3f}]" if gain else ""
        p = f"{gain.get('p_holm', gain['p']):.2f}" if gain else ""
        ends = f"[{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]"
        name = row["name"].replace("_", " ")
        lines.append(
            f"| {name} | {row['score']:.3f} {ends} | {said} | {p} | {row['seed_std'] or 0:.3f} | {row['train_seconds']:.0f} |"
        )
    return [*lines, ""]


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--places", nargs="*", choices=["standin", "real"], default=["standin", "real"])
    parser.add_argument("--out", type=Path, default=Path("runs/lab_question"))
    parser.add_argument("--page", type=Path, default=Path("docs/evidence.md"), help="its marked part is replaced")
    given = parser.parse_args()
    lines: list[str] = []
    for place in (STANDIN, REAL):
        if ("standin" if place.synthetic else "real") in given.places:
            for labelled in place.labelled:
                lines += table(place, labelled, given)
                print("\n".join(lines[-24:]), flush=True)
    if len(given.places) == 2:
        replace_marked_part(given.page, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
