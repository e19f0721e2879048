"""`transfer validators`: rebuild the data of finished runs, score every epoch that they kept, and judge each criterion.

A run with `selection.keep: every_epoch` leaves its checkpoints; nothing is trained here. Test labels are looked at, for
the true score alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from pydantic import ValidationError

from transfer.build import build_front_end, build_model, build_strategy
from transfer.checkpoint import read_checkpoint
from transfer.data.cache import hash_id
from transfer.data.readers import corpus_root, read_corpus
from transfer.errors import RecipeError
from transfer.evaluation.validator_report import judge, summarise_judgements
from transfer.evaluation.validators import CRITERIA
from transfer.evidence import gather
from transfer.model import TransferModel
from transfer.prediction import predict
from transfer.preparation import Prepared, load, plan
from transfer.recipe import Recipe
from transfer.selection import criterion_fault, tag, validation_scores
from transfer.standins import with_standins

__all__ = ["study"]

VALIDATED = {"uar": 1, "accuracy": 1, "loss": -1}  # scores of a validation part, and their signs


@dataclass(frozen=True)
class _Run:
    """A finished run, its data rebuilt."""

    folder: Path
    recipe: Recipe
    prepared: Prepared
    model: TransferModel
    criteria: list[str]


def study(folders: Sequence[str | Path], roots: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return how well every criterion chooses among the checkpoints of runs.

    Criteria without target labels that the run's parts can serve; the source's and, where there is one, the target's
    validation part; and keeping the last epoch. The true score is the UAR on the target's test slices.

    Args:
        folders: of runs with `selection.keep: every_epoch`.
        roots: corpus -> folder, where it is not $TRANSFER_CORPORA/<corpus>; a run does not record folders.

    Returns:
        `criteria`: name -> tag, number of runs, mean and range of regret, Spearman's and Kendall's correlation, lowest
        regret first; `runs`: folder, name, each epoch with its `oracle` score and criteria, and what each criterion picked.

    Raises:
        RecipeError: for a folder that is no such run, or data that are not those of the run.
    """
    runs = [_study_run(_rebuild(Path(folder), roots or {})) for folder in folders]
    criteria = summarise_judgements([run["judged"] for run in runs])
    return {
        "true_score": "UAR on target test slices (oracle: test labels are looked at)",
        "criteria": {name: {"tag": _tag(name), **values} for name, values in criteria.items()},
        "runs": runs,
    }


def _study_run(run: _Run) -> dict[str, Any]:
    """Score every epoch of a run and judge the criteria."""
    rows, truth = [], []
    files = _checkpoints(run.folder)
    for file in files:
        run.model.load_state_dict(read_checkpoint(file).weights)
        rows.append(_scores(run))
        table = predict(run.model, run.prepared.domains[run.recipe.target.corpus], "test", plain_ids=True)
        truth.append(validation_scores(table)["uar"])
    scores = pd.DataFrame(rows).assign(last=np.arange(len(files), dtype=np.float64))
    epochs = [{"epoch": i + 1, "oracle": true, **row} for i, (row, true) in enumerate(zip(rows, truth, strict=True))]
    return {
        "folder": str(run.folder),
        "name": run.recipe.name,
        "best": max(truth),
        "judged": judge(scores, truth),
        "epochs": epochs,
    }


def _scores(run: _Run) -> dict[str, float]:
    """Return every criterion of the model as it is, higher is better."""
    domains, sources, target = run.prepared.domains, [s.corpus for s in run.recipe.source], run.recipe.target.corpus
    needs = {part for name in run.criteria for part in CRITERIA[name].needs}
    evidence = gather(run.model, domains, sources, target, needs) if run.criteria else None
    found = {name: CRITERIA[name].score(evidence) for name in run.criteria if evidence is not None}
    for role, names in (("source", sources), ("target", [target])):
        parts = [domains[name] for name in names if len(domains[name].pools["valid"])]
        if parts and role in build_strategy(run.recipe).learns_from:
            scores = [validation_scores(predict(run.model, domain, "valid", plain_ids=True)) for domain in parts]
            for metric, sign in VALIDATED.items():
                found[f"{role}_{metric}"] = sign * sum(s[metric] for s in scores) / len(scores)
    return found


def _tag(name: str) -> str:
    """Return the tag of a column."""
    return tag(name) if name in CRITERIA or name == "last" else f"{name.partition('_')[0]}_validation"


def _rebuild(folder: Path, roots: Mapping[str, str]) -> _Run:
    """Read a run's recipe, and bring its data and model back."""
    recipe, summary = _recipe(folder, roots)
    planned = plan(recipe)
    prepared = load(recipe, planned, torch.device("cpu"))
    first = read_checkpoint(_checkpoints(folder)[0])
    _check_data(folder, prepared, planned.classes, first.record, first.normalisation, summary)
    channels = int(build_front_end(recipe).channels)
    model = build_model(recipe, in_channels=channels, classes=planned.classes, filled=True).eval()
    learns_from = build_strategy(recipe).learns_from
    criteria = [name for name in CRITERIA if not criterion_fault(name, recipe, planned.slices, learns_from)]
    return _Run(folder, recipe, prepared, model, criteria)


def _recipe(folder: Path, roots: Mapping[str, str]) -> tuple[Recipe, dict[str, Any]]:
    """Return a run's recipe, its corpora found again, and its summary."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        tree = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
        recipe = Recipe.model_validate(tree)
    except OSError as error:
        raise RecipeError(
            f"{folder} is not the folder of a finished run: {error.strerror}: {error.filename}"
        ) from error
    except (ValueError, yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"{folder}: the run's record cannot be read: {error}") from error
    _checkpoints(folder)
    if summary.get("synthetic"):
        recipe = with_standins(recipe)
    if recipe.split.file:
        raise RecipeError(
            f"{folder}: the run took its parts from a file that its record does not name; it cannot be studied"
        )
    sections = [s.model_copy(update={"root": roots.get(s.corpus, s.root)}) for s in recipe.corpora]
    return _unhashed(recipe.model_copy(update={"source": sections[:-1], "target": sections[-1]})), summary


def _unhashed(recipe: Recipe) -> Recipe:
    """Return the recipe with speakers and a fold as the corpus names them: a run records their hashes."""
    target, fold = recipe.target, recipe.split.fold
    named = target.labelled_speakers if isinstance(target.labelled_speakers, list) else None
    if recipe.plain_ids or (named is None and not isinstance(fold, str)):
        return recipe
    table = read_corpus(target.corpus, corpus_root(target.corpus, target.root), reader=target.reader).table
    names = {value for column in ("speaker", "session") if column in table for value in table[column]}
    plain = {hash_id(f"{target.corpus}/speaker/{name}"): name for name in names}
    if named is not None:
        target = target.model_copy(update={"labelled_speakers": [plain.get(name, name) for name in named]})
    split = recipe.split.model_copy(update={"fold": plain.get(fold, fold) if isinstance(fold, str) else fold})
    return recipe.model_copy(update={"target": target, "split": split})


def _checkpoints(folder: Path) -> list[Path]:
    """Return the model files of all epochs, in their order."""
    files = sorted((folder / "checkpoints").glob("epoch_*.safetensors"))
    if not files:
        raise RecipeError(
            f"{folder} keeps no checkpoint of every epoch; run its recipe again with `selection.keep=every_epoch`"
        )
    return files


def _check_data(
    folder: Path,
    prepared: Prepared,
    classes: Mapping[str, tuple[str, ...]],
    record: Mapping[str, Any],
    normalisation: Mapping[str, torch.Tensor],
    summary: Mapping[str, Any],
) -> None:
    """Refuse data that are not those of the run: classes, slices of each part, statistics of the features."""
    counts: dict[str, dict[str, int]] = {}
    for (corpus, part), group in prepared.slices.groupby(["corpus", "part"], sort=False):
        counts.setdefault(str(corpus), {})[str(part)] = len(group)
    then = {corpus: {p: n["slices"] for p, n in parts.items()} for corpus, parts in summary["split"]["parts"].items()}
    alike = {name: list(found) for name, found in classes.items()} == record["classes"] and counts == then
    now = prepared.normaliser.tensors()
    if not alike or any(not np.allclose(now[k], v.numpy(), rtol=1e-3, atol=1e-4) for k, v in normalisation.items()):
        raise RecipeError(
            f"{folder}: the corpora are not those that the run saw (slices now {counts}, then {then}; or other audio); "
            "point --root at the same ones"
        )
