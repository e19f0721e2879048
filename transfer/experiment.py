"""A recipe in, a trained and honestly scored model and a tracked run out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import yaml

from feature_extractors.load_report import LoadReport
from transfer.adaptation import gaps_by_level, warnings_of
from transfer.attaching import attach_strategy
from transfer.augmentation import build_augmenter, rehearse_augmentations
from transfer.build import build_front_end, build_strategy
from transfer.checkpoint import FILE, corpora_heard, epoch_file, write_checkpoint
from transfer.compilation import compile_model, compile_seconds
from transfer.data.cache import atomic_write, hash_id
from transfer.data.domain import empty_domain
from transfer.device import build_fabric
from transfer.embedding_moments import embedding_moments
from transfer.errors import UserError
from transfer.evaluation.monitor import Monitor
from transfer.evaluation.predictions import write_predictions
from transfer.evaluation.projections import Sample, write_projections
from transfer.initial_weights import refuse_frozen_draws
from transfer.keeper import ASKED, Keeper
from transfer.loading import load_recipe
from transfer.model_card import write_model_card
from transfer.optim import parameter_groups
from transfer.output import default_folder, partial_folder, write_json
from transfer.prediction import predict
from transfer.preparation import Plan, Prepared, load, plan
from transfer.processes import agreed_folder, agreed_signal, is_first, run_folder, untracked
from transfer.progress import Reporter
from transfer.projections import sample_embeddings
from transfer.recipe import Recipe
from transfer.redaction import public_recipe
from transfer.scoring import check_target, guessed_positive, score_parts
from transfer.selection import check_selection
from transfer.shards import share_rows
from transfer.standins import with_standins
from transfer.strategies import Strategy
from transfer.summary import package_versions, summarise
from transfer.tracked_run import track_corpora, track_result, tracked_run
from transfer.tracking import Tracker
from transfer.train_stage import train_stage

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["check", "resume_run", "run"]


def run(
    recipe: Recipe | str | Path,
    overrides: Sequence[str] = (),
    *,
    synthetic: bool = False,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    parent: str | None = None,
    tags: Mapping[str, Any] | None = None,
    shared: Path | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Run a recipe and return its summary.

    The folder gets `summary.json`, `model_card.md`, `recipe.yaml` (resolved), `predictions.parquet`, `history.json` and the
    model; all of it is logged to MLflow. It appears when everything is in it: a run that fails leaves none, one that is
    interrupted can go on where it was (`resume_run`), and ends as if nothing had happened.

    Args:
        recipe: a recipe, its file, or its name.
        overrides: `dotted.key=value`, for a recipe given by file or name.
        synthetic: run on stand-ins of the corpora.
        out: folder to write; default `runs/<name>-<time>`.
        reporter: shows progress; default none.
        parent: id of the tracked run that this one is nested in.
        tags: more to find the tracked run by.
        shared: folder in which runs of one comparison keep the pretraining that they have in common.
        resume: go on with the interrupted run of this recipe in `out`.

    Raises:
        UserError: for every mistake in recipe, corpora or numbers.
        Stopped: on SIGINT or SIGTERM, when the state is saved.
    """
    reporter = reporter if reporter and is_first() else Reporter()
    loaded, planned = _planned(recipe, overrides, synthetic, reporter)
    reporter.plan(planned.slices, planned.notes)
    fabric = build_fabric(loaded.compute)
    folder = agreed_folder(fabric, Path(out) if out else default_folder(loaded.name))
    with (
        run_folder(fabric, folder, resume=resume) as partial,
        _kept(loaded, planned, partial, synthetic) as keeper,
        tracked_run(
            loaded, planned, parent=parent, tags=tags, resume=keeper.run.get("tracked"), folder=partial
        ) as tracker,
    ):
        keeper.run["tracked"] = tracker.run_id
        keeper.agree = bound(agreed_signal, fabric)
        with fabric.rank_zero_first(local=True), reporter.bar("features") as tick:  # the others read its cache
            prepared = load(loaded, planned, fabric.device, tick)
        for note in prepared.notes:
            reporter.say(f"note: {note}")
        track_corpora(tracker, loaded, prepared.slices)
        augmenter = build_augmenter(loaded, prepared.domains, prepared.normaliser, fabric.device, reporter)
        strategy, _ = attach_strategy(loaded, planned.classes, prepared.domains, fabric.device, augmenter)
        share_rows(strategy.setting.model, fabric)
        compile_model(strategy.setting.model, loaded.compute.compile)
        summary = _train(loaded, planned, prepared, strategy, fabric, tracker, reporter, partial, shared, keeper)
        write_json(partial / "summary.json", summary)
        write_model_card(partial, summary, public_recipe(loaded))
        Keeper.forget(partial)
        track_result(tracker, loaded, summary, partial)
    return {**summary, "folder": str(folder)}


def resume_run(folder: str | Path, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Go on with an interrupted run, and return its summary.

    Args:
        folder: the one that the run was to write.
        reporter: shows progress.

    Raises:
        UserError: where no interrupted run was saved there, or its corpora have changed since.
    """
    file = partial_folder(Path(folder).resolve()) / ASKED
    if not file.is_file():
        raise UserError(f"there is nothing to go on with at {folder}: no interrupted run was saved there")
    try:
        asked = json.loads(file.read_text(encoding="utf-8"))
        recipe, synthetic = Recipe.model_validate(asked["recipe"]), bool(asked["synthetic"])
    except (ValueError, KeyError, TypeError) as error:  # pydantic's and JSON's errors are ValueErrors
        first = str(error).splitlines()[0]
        raise UserError(
            f"{file} is damaged, or of another version of the toolkit ({first}); restore it, or begin the run anew"
        ) from error
    return run(recipe, synthetic=synthetic, out=folder, reporter=reporter, resume=True)


@contextmanager
def _kept(recipe: Recipe, planned: Plan, partial: Path, synthetic: bool) -> Iterator[Keeper]:
    """Give what saves the run, and the run what was saved of it; signals save it too."""
    often = recipe.training.save_seconds if is_first() else math.inf
    keeper = Keeper(partial, steps=recipe.training.save_steps, seconds=often)
    if keeper.run.setdefault("split", planned.split) != planned.split:
        raise UserError(
            "the corpora, or how they are parted, have changed since the run was interrupted; begin it anew"
        )
    write_json(partial / ASKED, {"recipe": _whole_paths(recipe.model_dump(mode="json")), "synthetic": synthetic})
    with keeper.listening():
        yield keeper


def _whole_paths(tree: Any, key: str = "") -> Any:
    """Return a recipe whose files and folders are found from wherever it is gone on with."""
    if isinstance(tree, Mapping):
        return {name: _whole_paths(value, name) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_whole_paths(value) for value in tree]
    is_path = (
        key in ("root", "checkpoint", "weights", "file") and isinstance(tree, str) and Path(tree).expanduser().exists()
    )
    return str(Path(tree).expanduser().resolve()) if is_path else tree


def check(recipe: Recipe | str | Path, overrides: Sequence[str] = (), *, synthetic: bool = False) -> Plan:
    """Find everything that can be wrong before training: recipe, corpora, split, leakage, model, strategy; in seconds.

    Raises:
        UserError: for the first thing that is.
    """
    return _planned(recipe, overrides, synthetic, Reporter(), decode=True)[1]


def _planned(
    recipe: Recipe | str | Path,
    overrides: Sequence[str],
    synthetic: bool,
    reporter: Reporter,
    *,
    decode: bool = False,
) -> tuple[Recipe, Plan]:
    """Load a recipe, write its stand-ins, plan its parts, and check what the parts decide."""
    recipe = untracked(recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides, synthetic=synthetic))
    strategy, fabric = build_strategy(recipe), build_fabric(recipe.compute)
    with fabric.rank_zero_first(local=True):  # the others read what it has cached
        if synthetic:
            reporter.say("synthetic stand-ins of the corpora (written once into the cache)")
            recipe = with_standins(recipe)
        planned = plan(recipe, decode=decode)
        hash_id("")  # the salt is there before two could draw one
    check_selection(recipe, planned.slices, strategy.learns_from)
    classes = planned.classes[recipe.target.corpus]
    check_target(recipe, planned.slices, classes)
    planned = replace(planned, notes=[*planned.notes, *guessed_positive(recipe, classes)])
    loaded = _rehearse(recipe, planned)
    if loaded is None:
        return recipe, planned
    notes = [*planned.notes, f"pretraining.checkpoint: {loaded.line()}"]
    return recipe, replace(planned, notes=notes, loaded=loaded.record())


def _rehearse(recipe: Recipe, planned: Plan) -> LoadReport | None:
    """Build everything on two empty slices a corpus, so that a mistake shows before features are extracted.

    Returns:
        What the checkpoint that the run begins with gave, None without one.
    """
    channels = int(build_front_end(recipe).channels)
    rehearse_augmentations(recipe, channels)
    empty = {name: empty_domain(name, classes, planned.slices, channels) for name, classes in planned.classes.items()}
    strategy, begun = attach_strategy(recipe, planned.classes, empty, torch.device("cpu"))
    parameters = dict(strategy.setting.model.named_parameters()) | dict(strategy.named_parameters())
    for stage in strategy.stages():
        stage.phases(0)
        refuse_frozen_draws(begun.report, stage.frozen(0))
        for optimizer in stage.optimizers.values():
            parameter_groups(parameters, optimizer)
    return begun.report


def _train(
    recipe: Recipe,
    planned: Plan,
    prepared: Prepared,
    strategy: Strategy,
    fabric: Fabric,
    tracker: Tracker,
    reporter: Reporter,
    folder: Path,
    shared: Path | None,
    keeper: Keeper,
) -> dict[str, Any]:
    """Train all stages, look at the test part once, and write all but the summary into the folder."""
    model, target = strategy.setting.model, prepared.domains[recipe.target.corpus]
    public, versions = public_recipe(recipe), package_versions()
    record: dict[str, Any] = {
        "name": recipe.name,
        "recipe": public,
        "front_end": prepared.front_end,
        "classes": planned.classes,
        "heard": corpora_heard(planned.classes, recipe.pretraining.checkpoint),
        "versions": versions,
    }

    def save(path: Path, moments: Mapping[str, torch.Tensor] | None = None) -> None:
        model.eval()  # in training mode a corpus never trained on would take over statistics
        write_checkpoint(path, model, prepared.normaliser.tensors(), record, moments, prepared.voices)

    def keep(epoch: int) -> None:
        if recipe.selection.keep == "every_epoch":
            save(epoch_file(folder, epoch))

    def sample() -> Sample | None:
        return sample_embeddings(model, prepared.domains, strategy.setting.sources, recipe.target.corpus)

    monitor = Monitor(strategy) if recipe.training.monitor else None
    before, pictured = gaps_by_level(strategy), sample()
    keeper.start_clock()
    records = [
        train_stage(recipe, stage, strategy, prepared, fabric, tracker, reporter, monitor, keep, shared, keeper)
        for stage in strategy.stages()
    ]
    seconds, gaps = keeper.seconds_so_far(), {"before": before, "after": gaps_by_level(strategy)}
    tables = {part: predict(model, target, part, plain_ids=recipe.plain_ids) for part in ("valid", "test")}
    write_predictions(
        pd.concat([t for t in tables.values() if len(t)], ignore_index=True), folder / "predictions.parquet"
    )
    write_projections(folder / "projections.npz", pictured, sample())
    write_json(folder / "history.json", [asdict(record) for record in records])
    text = yaml.safe_dump(public, sort_keys=False, allow_unicode=True)
    atomic_write(folder / "recipe.yaml", lambda path: path.write_text(text, encoding="utf-8"))
    warnings = warnings_of(strategy, records[-1], gaps, monitor) if monitor else []
    metrics, how = score_parts(recipe, tables)
    record["evaluation"] = how  # a model that is used decides and is calibrated as validation chose
    save(folder / FILE, embedding_moments(model, prepared.domains))
    return {
        **summarise(recipe, planned, prepared, records, metrics, gaps, warnings),
        "evaluation": how,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "processes": fabric.world_size,
        "train_seconds": round(seconds, 2),
        "compile_seconds": compile_seconds() if recipe.compute.compile else None,
        "mlflow_run_id": tracker.run_id,
        "versions": versions,
    }
