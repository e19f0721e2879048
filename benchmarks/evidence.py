"""What transfer is worth between two real emotion corpora, beside the classical control, from run records.

    TRANSFER_CORPORA=... uv run python benchmarks/evidence.py [--seeds 5] [--out runs/evidence] [--page docs/evidence.md]

Runs `recipes/best/` and their ablations in both directions, with the SVM rows of the same access to the target as controls
(`recipes/best/*_svm.yaml`; CORAL and optimal transport move its source features to the target's), and writes every row with
its gain over the SVM. What is there already is not run again.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from marked_part import replace_marked_part

DIRECTIONS = {"nemo_to_emovo": "nEMO -> EMOVO", "emovo_to_nemo": "EMOVO -> nEMO"}
SPEAKERS = {
    "nemo_to_emovo": ("f1", "f2", "f3", "m1", "m2", "m3"),
    "emovo_to_nemo": ("EB0", "IC0", "KD0", "SM0", "TP0"),
}
PLAIN: dict[str, Any] = {"strategy.name": "source_only"}
EGEMAPS: dict[str, Any] = {"frontend.name": "egemaps"}
CORPUS: dict[str, Any] = {"normalisation": "corpus"}
MOMENTS: dict[str, Any] = {"warping": False}
POOLED: dict[str, Any] = {"strategy.name": "joint", "head.c": 0.1}
VOICES: dict[str, Any] = {"normalisation": "voice"}
JOINT: dict[str, Any] = {"strategy.name": "joint"}
MARK = "<!-- table: made by benchmarks/evidence.py -->"
WORDS = {
    "best": "**recipe of the toolkit**",
    "plain": "... without self-training",
    "moments": "... by mean and deviation, not ranks",
    "moments_plain": "... by mean and deviation, without self-training",
    "egemaps": "... on eGeMAPS instead",
    "egemaps_plain": "... on eGeMAPS, without self-training",
    "by_corpus": "... standardised by corpus, not by voices found",
    "svm": "eGeMAPS + linear SVM (control)",
    "coral": "the control + CORAL",
    "transport": "the control + optimal transport",
}


class Group(NamedTuple):
    """Rows that know as much of the target.

    Args:
        title: what they know.
        recipe: of `recipes/best/`.
        rows: name -> what is changed in it.
        control: what is changed in the SVM's recipe.
        moved: whether CORAL and transport are tried.
        labelled: how many target speakers are labelled; every choice of them takes the place of a seed.
    """

    title: str
    recipe: str
    rows: dict[str, dict[str, Any]]
    control: dict[str, Any]
    moved: bool
    labelled: int = 0


GROUPS = (
    Group(
        "No label of the target; who speaks in each clip is known",
        "speaker",
        {
            "best": {},
            "plain": PLAIN,
            "moments": MOMENTS,
            "moments_plain": {**MOMENTS, **PLAIN},
            "egemaps": EGEMAPS,
            "egemaps_plain": {**EGEMAPS, **PLAIN},
        },
        {},
        True,
    ),
    Group(
        "No label of the target; who speaks is not known",
        "voice",
        {"best": {}, "plain": PLAIN, "moments": MOMENTS, "by_corpus": {**CORPUS, **MOMENTS}},
        CORPUS,
        True,
    ),
    *(
        Group(
            f"{of} labelled, every choice{' of two' * (labelled == 2)}; {whom}",
            "few_shot",
            rows,
            control,
            False,
            labelled,
        )
        for whom, rows, control in (
            ("who speaks is known", {"best": {}, "plain": JOINT, "moments": MOMENTS}, POOLED),
            (
                "who speaks in the others' clips is not known",
                {"best": VOICES, "plain": {**VOICES, **JOINT}},
                {**CORPUS, **POOLED},
            ),
        )
        for of, labelled in (("Two target speakers", 2), ("One target speaker", 1))
    ),
)


def runs_of(direction: str, group: Group, seeds: int, out: Path) -> list[Any]:
    """Run what is missing of a group, and return its finished runs."""
    from transfer.comparing import compare_suite
    from transfer.progress import Reporter
    from transfer.suite import Entry, Suite

    rows = {name: (group.recipe, changed) for name, changed in group.rows.items()} | {"svm": ("svm", group.control)}
    entries = [
        Entry(recipe=f"best/{direction}_{recipe}", name=name + mark, overrides={**changed, **labelled})
        for mark, labelled in choices(direction, group)
        for name, (recipe, changed) in rows.items()
    ]
    seeds = 1 if group.labelled else seeds
    suite = Suite(name=direction, recipes=entries, seeds=seeds, controls=[], overrides={"tracking.kind": "none"})
    known = "-voice" if group.labelled and group.rows["best"] == VOICES else ""
    folder = out / f"{direction}-{group.recipe}{f'-{group.labelled}{known}' if group.labelled else ''}"
    found = compare_suite(suite, out=folder, resume=folder.exists(), reporter=Reporter())
    if found["failures"]:
        raise SystemExit(f"a row is missing: {found['failures'][0]}")
    return [finished(file.parent) for file in sorted(folder.glob("runs/*/seed*/summary.json"))]


def choices(direction: str, group: Group) -> list[tuple[str, dict[str, Any]]]:
    """Return every choice of labelled speakers with a mark of its own, or one choice without."""
    if not group.labelled:
        return [("", {})]
    drawn = enumerate(itertools.combinations(SPEAKERS[direction], group.labelled))
    return [(f"-choice{k}", {"target.labelled_speakers": list(speakers)}) for k, speakers in drawn]


def finished(folder: Path) -> Any:
    """Read a finished run; the choice of labelled speakers takes the place of a seed."""
    from transfer.evaluation.finished_run import FinishedRun
    from transfer.evaluation.predictions import read_predictions

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    name, _, choice = folder.parent.name.partition("-choice")
    seed = int(choice or folder.name.removeprefix("seed"))
    table = read_predictions(folder / "predictions.parquet")
    return FinishedRun(name, seed, None, "control" if name == "svm" else "system", summary, table)


def moved(direction: str, group: Group, control: list[Any]) -> list[Any]:
    """Return the control once more, fitted to source features that were moved to the target's, for every seed of it."""
    import ot
    import torch

    from transfer.build import build_model
    from transfer.evaluation.finished_run import FinishedRun
    from transfer.loading import load_recipe
    from transfer.prediction import predict
    from transfer.preparation import load, plan

    recipe = load_recipe(f"best/{direction}_svm", [f"{key}={value}" for key, value in group.control.items()])
    planned = plan(recipe)
    domains = load(recipe, planned, torch.device("cpu")).domains
    source, target = domains[recipe.source[0].corpus], domains[recipe.target.corpus]
    xs, xt = (domain.features[:, :, 0].double().numpy() for domain in (source, target))
    ways = {"coral": coral(xs, xt), "transport": ot.da.EMDTransport().fit(Xs=xs, Xt=xt).transform(xs)}
    runs = []
    for name, features in ways.items():
        model = build_model(recipe, in_channels=xs.shape[1], classes=planned.classes)
        head: Any = model.head(target.name)
        head.fit(torch.from_numpy(features), source.labels, source.table["speaker"].tolist())
        table = predict(model.eval(), target, "test", plain_ids=False)
        runs += [FinishedRun(name, run.seed, None, "system", run.summary, table) for run in control]
    return runs


def coral(xs: np.ndarray, xt: np.ndarray, ridge: float = 1e-2) -> np.ndarray:
    """Return source features with the covariance of the target's (Sun, Feng & Saenko, AAAI 2016)."""

    def power(x: np.ndarray, exponent: float) -> np.ndarray:
        values, vectors = np.linalg.eigh(np.cov(x.T) + ridge * np.eye(x.shape[1]))
        return (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T

    return xs @ power(xs, -0.5) @ power(xt, 0.5)


def table_of(runs: list[Any]) -> list[str]:
    """Return the rows of a group as Markdown, the best first."""
    from transfer.evaluation.comparison import compare_runs

    result = compare_runs(runs, baseline="svm", level="recording", draws=5000)
    lines = [
        "| row | UAR [95%] | minus the control [95%] | p | the recipe minus it [95%] | seed sd | training, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(result["systems"], key=lambda row: -row["score"]):
        gain = row["gain"]
        said = f"{gain['value']:+.3f} [{gain['interval'][0]:+.3f}, {gain['interval'][1]:+.3f}]" if gain else ""
        ends = f"[{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]"
        p = f"{gain['p']:.3f}" if gain else ""
        lead = "" if row["name"] in ("best", "svm") else lead_over(result["pairs"], row["name"])
        seconds = "" if row["name"] in ("coral", "transport") else f"{row['train_seconds']:.0f}"
        cells = (
            WORDS[row["name"]],
            f"{row['score']:.3f} {ends}",
            said,
            p,
            lead,
            f"{row['seed_std'] or 0:.3f}",
            seconds,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def lead_over(pairs: list[dict[str, Any]], name: str) -> str:
    """Return the recipe's lead over a row, with its interval."""
    pair = next(pair for pair in pairs if {pair["a"], pair["b"]} == {"best", name})
    sign = 1 if pair["a"] == "best" else -1
    low, high = sorted(sign * end for end in pair["interval"])
    return f"{sign * pair['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    """Run and render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument(
        "--page", type=Path, default=Path("docs/evidence.md"), help="page whose marked part is replaced"
    )
    a = parser.parse_args()
    lines = []
    for group in GROUPS:
        for direction, words in DIRECTIONS.items():
            runs = runs_of(direction, group, a.seeds, a.out)
            if group.moved:
                runs += moved(direction, group, [run for run in runs if run.system == "svm"])
            lines += [f"### {words}: {group.title[0].lower()}{group.title[1:]}", "", *table_of(runs), ""]
            print("\n".join(lines[-len(WORDS) - 6 :]), flush=True)
    replace_marked_part(a.page, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
