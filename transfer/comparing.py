"""Many recipes on the same seeds and folds, with their controls: one table, one page, one record.

The folder of a comparison holds `suite.yaml` (what was asked for), `runs/<row>/seed<k>[-fold<i>]` (a run folder each),
`failures/`, `comparison.json` (scores, intervals, tests, verdicts; `transfer.evaluation.comparison`) and `report.html`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from transfer.data.cache import atomic_write
from transfer.errors import UserError
from transfer.evaluation.comparison import compare_runs
from transfer.evaluation.finished_run import FinishedRun
from transfer.evaluation.majority import majority_predictions
from transfer.evaluation.predictions import read_predictions
from transfer.execution import Outcome, Workplace, finished, run_all, told
from transfer.experiment import check
from transfer.output import alone, default_folder, write_json
from transfer.processes import refuse_several
from transfer.progress import Reporter
from transfer.redaction import public_reason, public_suite
from transfer.suite import Suite, load_suite
from transfer.tracked_comparison import tracked_comparison
from transfer.trials import Trial, build_trials

__all__ = ["check_trials", "compare", "compare_suite", "gather", "run_part", "threads_of"]

SUITE = "suite.yaml"
PATIENCE = 300.0  # seconds that a part waits for another that opens the same folder


def compare(
    recipes: Sequence[str],
    *,
    out: str | Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
    **settings: Any,
) -> dict[str, Any]:
    """Compare recipes and return what `comparison.json` holds, with its `folder`.

    Args:
        recipes: recipes and `dotted.key=value` for all of them, or one suite file.
        out: folder of the comparison; default `runs/compare-<name>-<time>`.
        resume: go on with the comparison in `out`, or with the newest one of this suite; what is finished stays.
        reporter: shows progress.
        command: how it was asked for, for the record.
        settings: fields of `transfer.suite.Suite`: seeds, folds, controls, metric, level, budget, synthetic, jobs.

    Raises:
        UserError: for every mistake in suite and recipes, and where not a single trial could be finished.
    """
    suite = load_suite(recipes, **settings)
    return compare_suite(suite, out=out, resume=resume, reporter=reporter, command=command)


def compare_suite(
    suite: Suite,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
    checked: bool = False,
) -> dict[str, Any]:
    """Run what is missing of a suite, and compare; see `compare`. `checked`: `check_trials` has passed already."""
    refuse_several("compare")
    reporter = reporter or Reporter()
    trials, notes = build_trials(suite)
    wanted = _fingerprint(suite, trials)
    folder = _folder(suite, out, resume, wanted)
    _refuse_other(folder, wanted, resume)
    if not checked:
        check_trials(trials, Workplace(folder, suite.synthetic), reporter)
    with alone(folder, SUITE):
        _claim(folder, suite, wanted, resume)
        first = trials[0].recipe
        with tracked_comparison(suite, first.tracking, folder) as tracker:
            place = Workplace(folder, suite.synthetic, tracker.run_id, suite.engine.threads(threads_of(suite.jobs)))
            outcomes = _run(trials, place, suite, reporter)
            failures = [_failure(outcome) for outcome in outcomes if outcome.reason]
            reasons = [
                outcome.reason for outcome in outcomes if outcome.reason
            ]  # the whole of them is for the terminal
            runs = gather(trials, place, majority="majority" in suite.controls)
            if not runs:
                raise UserError(f"none of the {len(trials)} trials was finished; the first: {reasons[0]}")
            result = compare_runs(runs, metric=suite.metric, level=suite.level)
            result = {"name": suite.name, "command": command or _command(suite, folder), **result}
            result |= {"failures": failures, "warnings": [*notes, *result["warnings"]], "planned": len(trials)}
            write_json(folder / "comparison.json", result)
            page = _report(folder, result["command"])
            tracker.finished(result, [folder / "comparison.json", folder / SUITE, page])
    return {**result, "folder": str(folder)}


def gather(trials: Sequence[Trial], place: Workplace, *, majority: bool = True) -> list[FinishedRun]:
    """Read the finished trials, and add the control that always decides for the most frequent class.

    Args:
        trials: of the suite.
        place: where they ran.
        majority: add that control, made from the parts of the first finished trial of each seed and fold.
    """
    runs, blocks = [], set()
    for trial in trials:
        if not finished(trial, place):
            continue
        folder = place.run_folder(trial)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        table = read_predictions(folder / "predictions.parquet")
        fold = None if trial.fold is None else str(trial.fold)
        runs.append(FinishedRun(trial.system, trial.seed, fold, trial.role, summary, table))
        if majority and (trial.seed, fold) not in blocks:
            blocks.add((trial.seed, fold))
            constant = majority_predictions(table, summary.get("labels_seen", {}), summary["target"])
            said = {
                key: summary[key] for key in ("target", "classes", "split", "synthetic", "chance") if key in summary
            }
            said |= {
                "name": "majority",
                "strategy": "majority",
                "seed": trial.seed,
                "selection": {"tag": "no training"},
            }
            runs.append(FinishedRun("majority", trial.seed, fold, "control", said, constant))
    return runs


def run_part(
    suite: Suite, part: tuple[int, int], *, out: str | Path, reporter: Reporter | None = None
) -> dict[str, Any]:
    """Run every n-th trial of a suite and compare nothing: parts go side by side, each a job of a cluster.

    Args:
        suite: what is compared.
        part: (k, n): the k-th of n parts, from 1.
        out: folder of the comparison, the same for all parts; `compare` with `resume` gathers what is in it.
        reporter: shows progress.

    Returns:
        The folder, the trials planned and finished in all, and the failures of this part.

    Raises:
        UserError: for every mistake in suite and recipes, or a folder of another suite.
    """
    refuse_several("compare")
    trials, _ = build_trials(suite)
    wanted, folder = _fingerprint(suite, trials), Path(out).resolve()
    _refuse_other(folder, wanted, resume=True)
    mine, reporter = trials[part[0] - 1 :: part[1]], reporter or Reporter()
    check_trials(mine, Workplace(folder, suite.synthetic), reporter)
    with alone(folder, SUITE, patience=PATIENCE):
        _claim(folder, suite, wanted, resume=True)
        with tracked_comparison(suite, trials[0].recipe.tracking, folder) as tracker:
            place = Workplace(folder, suite.synthetic, tracker.run_id, suite.engine.threads(threads_of(suite.jobs)))
    outcomes = _run(mine, place, suite, reporter)
    there = sum(finished(trial, place) for trial in trials)
    failures = [_failure(outcome) for outcome in outcomes if outcome.reason]
    return {"folder": str(folder), "planned": len(trials), "finished": there, "failures": failures}


def check_trials(trials: Sequence[Trial], place: Workplace, reporter: Reporter) -> None:
    """Check every system of which nothing has run yet, as `transfer check` does; nothing is written.

    Args:
        trials: of the suite.
        place: where they are to run.
        reporter: shows progress.

    Raises:
        UserError: for the first recipe that could not be run.
    """
    missing = [trial for trial in trials if not finished(trial, place)]
    begun = {trial.system for trial in trials} - {trial.system for trial in missing}
    for trial in {trial.system: trial for trial in reversed(missing)}.values():
        if trial.system not in begun:
            reporter.say(f"checking {trial.system}")
            check(trial.recipe, synthetic=place.synthetic)


def _run(trials: Sequence[Trial], place: Workplace, suite: Suite, reporter: Reporter) -> list[Outcome]:
    """Run what has not run yet, and show how it goes."""
    missing = [trial for trial in trials if not finished(trial, place)]
    if len(missing) < len(trials):
        reporter.say(f"{len(trials) - len(missing)} of {len(trials)} trials are finished already")
    with told(reporter, len(missing)) as report:
        try:
            return run_all(missing, place, suite.engine, suite.jobs, report)
        except KeyboardInterrupt:
            count = sum(finished(trial, place) for trial in trials)
            raise KeyboardInterrupt(
                f"{count} of {len(trials)} trials are finished in {place.folder}; go on with --resume"
            ) from None


def _failure(outcome: Outcome) -> dict[str, Any]:
    """Return a failed trial as the record keeps it."""
    trial = outcome.trial
    return {
        "system": trial.system,
        "seed": trial.seed,
        "fold": trial.fold,
        "reason": public_reason(outcome.reason, trial.recipe),
    }


def _report(folder: Path, command: str) -> Path:
    """Write the page."""
    from transfer.evaluation.report import write_report

    return write_report(folder, command=command)


def _fingerprint(suite: Suite, trials: Sequence[Trial]) -> str:
    """Return the hash of what a comparison's runs are made of; how many run at a time is no part of it."""
    said = [[trial.name, trial.recipe.model_dump(mode="json")] for trial in trials]
    asked = suite.model_dump(mode="json", exclude={"jobs", "engine", "metric", "level", "name"})
    return hashlib.sha256(json.dumps([asked, said], sort_keys=True).encode()).hexdigest()


def _folder(suite: Suite, out: str | Path | None, resume: bool, wanted: str) -> Path:
    """Return the folder of the comparison: the one named, the newest of this suite to go on with, or a new one."""
    if out is not None:
        return Path(out).resolve()
    if resume:
        there = sorted(Path("runs").glob(f"compare-{suite.name}-*/suite.yaml"), key=lambda p: p.stat().st_mtime)
        mine = [file.parent for file in there if _recorded(file.parent) == wanted]
        if not mine:
            raise UserError(
                f"--resume: no comparison of this suite below runs/ (compare-{suite.name}-...); name it with --out"
            )
        return mine[-1].resolve()
    return default_folder(f"compare-{suite.name}").resolve()


def _refuse_other(folder: Path, wanted: str, resume: bool) -> None:
    """Refuse a folder with a comparison that is not to be gone on with, or is another."""
    if not (folder / SUITE).is_file():
        return
    if not resume:
        raise UserError(f"{folder} holds a comparison; go on with it by --resume, or name another with --out")
    if _recorded(folder) != wanted:
        raise UserError(
            f"{folder} was made for another suite, or its recipes have changed since; begin anew with another --out"
        )


def _claim(folder: Path, suite: Suite, wanted: str, resume: bool) -> None:
    """Write what was asked for, or check that the folder was made for the same."""
    file = folder / SUITE
    if file.is_file():
        _refuse_other(folder, wanted, resume)
        return
    text = yaml.safe_dump({"fingerprint": wanted, **public_suite(suite)}, sort_keys=False, allow_unicode=True)
    atomic_write(file, lambda path: path.write_text(text, encoding="utf-8"))


def _recorded(folder: Path) -> str:
    """Return the hash that a comparison was begun with, or ''."""
    tree = yaml.safe_load((folder / SUITE).read_text(encoding="utf-8"))
    return str(tree.get("fingerprint", "")) if isinstance(tree, dict) else ""


def threads_of(jobs: int) -> int:
    """Return the CPU threads that each of so many trials may use."""
    return max(1, (os.cpu_count() or 1) // jobs)


def _command(suite: Suite, folder: Path) -> str:
    """Return the command that makes a comparison again."""
    return shlex.join(["transfer", "compare", str(folder / SUITE)])
