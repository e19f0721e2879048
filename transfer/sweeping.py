"""A search for the best setting of a recipe: trials drawn by Optuna, scored by validation, kept in a database.

The folder of a sweep holds `sweep.yaml` (what was asked for), `base.yaml` (the recipe with everything filled in),
`space.yaml`, `study.db` (the study), `runs/trial<k>` (a run folder for each trial that was not pruned), `sweep.json`
(settings and validation scores) and `best.yaml` (the recipe with the best setting).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from transfer.comparing import threads_of
from transfer.data.cache import atomic_write
from transfer.engine import Engine
from transfer.errors import RecipeError, UserError
from transfer.execution import Workplace, run_all, told
from transfer.experiment import check
from transfer.loading import load_recipe
from transfer.output import alone, default_folder, write_json
from transfer.processes import refuse_several
from transfer.progress import Reporter
from transfer.recipe import Recipe
from transfer.selection import rule_of, watched_metric
from transfer.space import Space, load_space
from transfer.sweep_trial import BASE, SPACE, SweepTrial, open_study, run_sweep_trial
from transfer.tracked_comparison import tracked_parent

__all__ = ["sweep"]

ASKED = "sweep.yaml"


def sweep(
    recipe: str | Path,
    space: str | Path,
    overrides: Sequence[str] = (),
    *,
    trials: int = 20,
    jobs: int = 1,
    engine: Engine | Mapping[str, Any] | str | None = None,
    storage: str | None = None,
    seed: int = 0,
    synthetic: bool = False,
    out: str | Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Search a space of settings by validation scores, and return what `sweep.json` holds, with its `folder`.

    Settings are drawn by the tree-structured Parzen estimator (TPE); a trial whose best validation score so far is below
    the median of the others at the same epoch is ended. Test scores are never looked at.

    Args:
        recipe: a recipe's file or name.
        space: a YAML file (`transfer.space`).
        overrides: `dotted.key=value` for all trials.
        trials: how many in all, those of an interrupted sweep with them.
        jobs: trials at the same time, each a process.
        engine: what runs them.
        storage: address of the study's database; default `study.db` in the folder.
        seed: of the draws.
        synthetic: on stand-ins.
        out: folder; default `runs/sweep-<recipe>-<time>`.
        resume: go on with the sweep in `out`.
        reporter: shows progress.

    Raises:
        UserError: for every mistake in recipe and space, a recipe that does not select by validation, or where not a
            single trial could be finished.
    """
    refuse_several("sweep")
    if resume and out is None:
        raise UserError("--resume needs the folder of the sweep; name it with --out")
    reporter, engine = reporter or Reporter(), Engine.model_validate(engine or "local")
    base, asked = load_recipe(recipe, overrides, synthetic=synthetic), load_space(space)
    metric = _metric(base)
    folder = Path(out or default_folder(f"sweep-{base.name}")).resolve()
    with alone(folder, ASKED):
        _claim(folder, base, asked, resume, {"trials": trials, "seed": seed, "synthetic": synthetic})
        for corner in asked.corners():  # a value that no recipe may have shows before anything is run
            tried = load_recipe(folder / BASE, [f"{key}={json.dumps(value)}" for key, value in corner.items()])
        check(tried, synthetic=synthetic)
        database = storage or f"sqlite:///{folder / 'study.db'}"
        study = open_study(database, metric, seed)
        over = {t.user_attrs.get("place") for t in study.get_trials(deepcopy=False) if t.state.is_finished()}
        missing = [SweepTrial(k, metric, database, seed) for k in range(trials) if k not in over]
        tags = {"kind": "sweep", "synthetic": synthetic}
        with tracked_parent(
            f"sweep-{base.name}", base.tracking, folder, params=asked.model_dump(), tags=tags
        ) as tracker:
            place = Workplace(folder, synthetic, tracker.run_id, engine.threads(threads_of(jobs)))
            _run(missing, place, engine, jobs, reporter)
            result = _result(study, base, metric, seed)
            if result["best"] is None:
                first = next((r["reason"] for r in result["trials"] if r["reason"]), "all were pruned")
                raise UserError(f"none of the {trials} trials was finished; see {folder / 'failures'}: {first}")
            write_json(folder / "sweep.json", result)
            _write_best(folder, result)
            tracker.metrics({f"best/valid/{metric}": result["best"]["score"]}, step=0)
            for name in ("sweep.json", "best.yaml", SPACE):
                tracker.artifact(folder / name)
    return {**result, "folder": str(folder)}


def _metric(recipe: Recipe) -> str:
    """Return the validation score that a sweep goes by.

    Raises:
        RecipeError: for a recipe that has none, or whose score is that of the test part.
    """
    rule = rule_of(recipe, "transfer")
    if rule in ("last", "oracle"):
        why = "scores nothing" if rule == "last" else "looks at test labels"
        raise RecipeError(
            f"a sweep chooses by validation scores, and selection.by: {rule} {why}; set selection.by=target_validation, "
            "source_validation, or a criterion without target labels such as snd"
        )
    return watched_metric(recipe, "transfer")


def _claim(folder: Path, base: Recipe, space: Space, resume: bool, asked: dict[str, Any]) -> None:
    """Write what was asked for, or check that the folder was made for the same; more trials may be asked for."""
    said = [base.model_dump(mode="json"), space.model_dump(mode="json"), asked["seed"], asked["synthetic"]]
    wanted = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    if (folder / ASKED).is_file():
        if not resume:
            raise UserError(f"{folder} holds a sweep; go on with it by --resume, or name another with --out")
        there = yaml.safe_load((folder / ASKED).read_text(encoding="utf-8"))
        if there.get("fingerprint") != wanted:
            raise UserError(f"{folder} was made for another recipe, space or seed; begin anew with another --out")
    files = {BASE: said[0], SPACE: said[1], ASKED: {"fingerprint": wanted, **asked}}
    for name, tree in files.items():
        _write_yaml(folder / name, tree)


def _run(trials: Sequence[SweepTrial], place: Workplace, engine: Engine, jobs: int, reporter: Reporter) -> None:
    """Run the trials that are missing, and show how it goes."""
    with told(reporter, len(trials)) as report:
        run_all(trials, place, engine, jobs, report, run_sweep_trial)


def _result(study: Any, base: Recipe, metric: str, seed: int) -> dict[str, Any]:
    """Return what a study found, as `sweep.json` keeps it."""
    rows = [
        {
            "trial": t.user_attrs.get("place"),
            "state": t.state.name.lower(),
            "score": t.value if t.state.name == "COMPLETE" else None,
            "epochs": len(t.intermediate_values),
            "settings": dict(t.params),
            "reason": t.user_attrs.get("reason", ""),
        }
        for t in study.get_trials(deepcopy=False)
    ]
    complete = [row for row in rows if row["score"] is not None]
    sign = 1 if metric == "loss" else -1
    best = min(complete, key=lambda row: (sign * row["score"], row["trial"])) if complete else None
    return {
        "recipe": base.name,
        "metric": metric,
        "scored_by": f"validation ({base.selection.by}); no test score was looked at",
        "seed": seed,
        "best": best,
        "trials": sorted(rows, key=lambda row: row["trial"]),
    }


def _write_best(folder: Path, result: dict[str, Any]) -> None:
    """Write the recipe with the best setting."""
    texts = [f"{key}={json.dumps(value)}" for key, value in result["best"]["settings"].items()]
    best = load_recipe(folder / BASE, texts)
    _write_yaml(folder / "best.yaml", {**best.model_dump(mode="json"), "name": f"{best.name}_swept"})


def _write_yaml(path: Path, tree: Any) -> None:
    """Write YAML, whole or not at all."""
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    atomic_write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
