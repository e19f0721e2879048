"""A recipe in, a trained and honestly scored model and a tracked run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import yaml

from transfer.adaptation import gaps_by_level, warnings_of
from transfer.augmentation import Augmenter, build_augmenter, rehearse_augmentations
from transfer.build import build_front_end, build_model, build_strategy
from transfer.checkpoint import (
    FILE,
    check_provenance,
    corpora_heard,
    epoch_file,
    load_extractor,
    read_checkpoint,
    write_checkpoint,
)
from transfer.data.cache import atomic_write
from transfer.data.domain import Domain, empty_domain
from transfer.device import build_fabric, seed_everything
from transfer.errors import RecipeError, UserError
from transfer.evaluation.levels import evaluate
from transfer.evaluation.metrics import positive_class
from transfer.evaluation.monitor import Monitor
from transfer.evaluation.predictions import write_predictions
from transfer.loading import load_recipe
from transfer.loop import Record, fit
from transfer.optim import parameter_groups
from transfer.output import default_folder, output_folder, write_json
from transfer.prediction import predict
from transfer.preparation import Plan, Prepared, load, plan
from transfer.progress import Reporter
from transfer.recipe import Recipe
from transfer.selection import check_selection, scorer, watched_metric
from transfer.standins import with_standins
from transfer.strategies import Setting, Stage, Strategy
from transfer.summary import package_versions, public_recipe, summarise
from transfer.tracked_run import headline, tracked_run
from transfer.tracking import Tracker

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["check", "run"]


def run(
    recipe: Recipe | str | Path,
    overrides: Sequence[str] = (),
    *,
    synthetic: bool = False,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Run a recipe and return its summary.

    The folder gets `summary.json`, `recipe.yaml` (resolved), `predictions.parquet`, `history.json` and the model; all of
    it is logged to MLflow. It appears when everything is in it: a run that fails leaves none.

    Args:
        recipe: a recipe, its file, or its name.
        overrides: `dotted.key=value`, for a recipe given by file or name.
        synthetic: run on stand-ins of the corpora.
        out: folder to write; default `runs/<name>-<time>`.
        reporter: shows progress; default none.

    Raises:
        UserError: for every mistake in recipe, corpora or numbers.
    """
    reporter = reporter or Reporter()
    loaded, planned = _planned(recipe, overrides, synthetic, reporter)
    reporter.plan(planned.slices, planned.notes)
    fabric = build_fabric(loaded.compute)
    folder = Path(out) if out else default_folder(loaded.name)
    with output_folder(folder) as partial, tracked_run(loaded, planned) as tracker:
        with reporter.bar("features") as tick:
            prepared = load(loaded, planned, fabric.device, tick)
        augmenter = build_augmenter(loaded, prepared.domains, prepared.normaliser, fabric.device, reporter)
        strategy = _attached(loaded, planned.classes, prepared.domains, fabric.device, augmenter)
        summary = _train(loaded, planned, prepared, strategy, fabric, tracker, reporter, partial)
        tracker.metrics(headline(summary["metrics"], summary["selection"]["tag"]), step=0)
        write_json(partial / "summary.json", summary)
        for file in sorted(path for path in partial.iterdir() if path.is_file()):  # every epoch's weights stay here
            tracker.artifact(file)
    return {**summary, "folder": str(folder)}


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
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides, synthetic=synthetic)
    if synthetic:
        reporter.say("synthetic stand-ins of the corpora (written once into the cache)")
        recipe = with_standins(recipe)
    strategy = build_strategy(recipe)
    build_fabric(recipe.compute)
    planned = plan(recipe, decode=decode)
    check_selection(recipe, planned.slices, strategy.learns_from)
    _check_target(recipe, planned)
    _rehearse(recipe, planned)
    return recipe, planned


def _check_target(recipe: Recipe, planned: Plan) -> None:
    """Refuse a target that nothing can be tested on, and a positive class that it has not."""
    name = recipe.target.corpus
    if not ((planned.slices["corpus"] == name) & (planned.slices["part"] == "test")).any():
        raise RecipeError(
            f"split.test is {recipe.split.test}, which leaves no test part of {name}; set a share above 0"
        )
    if recipe.positive is not None:
        positive_class(planned.classes[name], recipe.positive)


def _rehearse(recipe: Recipe, planned: Plan) -> None:
    """Build everything on two empty slices a corpus, so that a mistake shows before features are extracted."""
    channels = int(build_front_end(recipe).channels)
    rehearse_augmentations(recipe, channels)
    empty = {name: empty_domain(name, classes, planned.slices, channels) for name, classes in planned.classes.items()}
    strategy = _attached(recipe, planned.classes, empty, torch.device("cpu"))
    parameters = dict(strategy.setting.model.named_parameters()) | dict(strategy.named_parameters())
    for stage in strategy.stages():
        stage.phases(0)
        for optimizer in stage.optimizers.values():
            parameter_groups(parameters, optimizer)


def _attached(
    recipe: Recipe,
    classes: Mapping[str, tuple[str, ...]],
    domains: Mapping[str, Domain],
    device: torch.device,
    augmenter: Augmenter | None = None,
) -> Strategy:
    """Build model and strategy, weights drawn by the recipe's seed."""
    seed_everything(recipe.training.seed)
    channels = next(iter(domains.values())).features.shape[1]
    model = build_model(recipe, in_channels=channels, classes=classes).to(device)
    if recipe.pretraining.checkpoint:
        checkpoint = read_checkpoint(recipe.pretraining.checkpoint)
        check_provenance(checkpoint, recipe, build_front_end(recipe).record())
        load_extractor(model, checkpoint)
    strategy = build_strategy(recipe)
    names = tuple(section.corpus for section in recipe.source)
    shown = {name: domain.without_truth() for name, domain in domains.items()}
    training, pretraining = recipe.training, recipe.pretraining
    try:
        strategy.attach(Setting(model, shown, names, recipe.target.corpus, training, pretraining, augmenter))
    except (ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise RecipeError(f"strategy: {recipe.strategy.name}: {error}") from error
    return strategy.to(device)


def _train(
    recipe: Recipe,
    planned: Plan,
    prepared: Prepared,
    strategy: Strategy,
    fabric: Fabric,
    tracker: Tracker,
    reporter: Reporter,
    folder: Path,
) -> dict[str, Any]:
    """Train all stages, look at the test part once, and write all but the summary into the folder."""
    model, target = strategy.setting.model, prepared.domains[recipe.target.corpus]
    public, versions = public_recipe(recipe), package_versions()
    record = {
        "name": recipe.name,
        "recipe": public,
        "front_end": prepared.front_end,
        "classes": planned.classes,
        "heard": corpora_heard(planned.classes, recipe.pretraining.checkpoint),
        "versions": versions,
    }

    def save(path: Path) -> None:
        model.eval()  # in training mode a corpus never trained on would take over statistics
        write_checkpoint(path, model, prepared.normaliser.tensors(), record)

    def keep(epoch: int) -> None:
        if recipe.selection.keep == "every_epoch":
            save(epoch_file(folder, epoch))

    monitor = Monitor(strategy) if recipe.training.monitor else None
    before, start = gaps_by_level(strategy), time.perf_counter()
    records = [
        _fit(recipe, stage, strategy, prepared, fabric, tracker, reporter, monitor, keep) for stage in strategy.stages()
    ]
    seconds, gaps = time.perf_counter() - start, {"before": before, "after": gaps_by_level(strategy)}
    tables = {part: predict(model, target, part, plain_ids=recipe.plain_ids) for part in ("valid", "test")}
    write_predictions(
        pd.concat([t for t in tables.values() if len(t)], ignore_index=True), folder / "predictions.parquet"
    )
    write_json(folder / "history.json", [asdict(record) for record in records])
    text = yaml.safe_dump(public, sort_keys=False, allow_unicode=True)
    atomic_write(folder / "recipe.yaml", lambda path: path.write_text(text, encoding="utf-8"))
    save(folder / FILE)
    warnings = warnings_of(strategy, records[-1], gaps, monitor) if monitor else []
    metrics = {part: evaluate(table, positive=recipe.positive) for part, table in tables.items() if len(table)}
    return {
        **summarise(recipe, planned, prepared, records, metrics, gaps, warnings),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "train_seconds": round(seconds, 2),
        "mlflow_run_id": tracker.run_id,
        "versions": versions,
    }


def _fit(
    recipe: Recipe,
    stage: Stage,
    strategy: Strategy,
    prepared: Prepared,
    fabric: Fabric,
    tracker: Tracker,
    reporter: Reporter,
    monitor: Monitor | None,
    keep: Callable[[int], None],
) -> Record:
    """Train one stage, tracked and shown; only that of the transfer is monitored, and kept epoch by epoch."""
    strategy.begin(stage.name)
    transfers = stage.name == "transfer"
    monitor = monitor if transfers else None
    score = scorer(recipe, strategy.setting.model, prepared.domains, stage.name)
    with reporter.bar(stage.name) as tick:

        def report(epoch: int, values: dict[str, float]) -> None:
            tracker.metrics({f"{stage.name}/{name}": value for name, value in values.items()}, step=epoch)
            reporter.epoch(values)
            tick(epoch + 1, stage.epochs)
            if transfers:
                keep(epoch)

        return fit(
            monitor.watch(stage) if monitor else stage,
            strategy,
            strategy.setting.domains,
            fabric,
            seed=recipe.training.seed,
            score=score,
            metric=watched_metric(recipe, stage.name),
            observe=monitor.epoch if monitor else dict,
            report=report,
        )
