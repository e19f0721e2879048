"""One stage of a run: trained or taken over, tracked, shown and watched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from transfer.device import seed_everything
from transfer.evaluation.monitor import Monitor
from transfer.keeper import Keeper, Record
from transfer.loop import fit
from transfer.preparation import Prepared
from transfer.progress import Reporter
from transfer.recipe import Recipe
from transfer.selection import scorer, watched_metric
from transfer.shared_stage import shared_fit
from transfer.strategies import Stage, Strategy
from transfer.tracking import Tracker

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["train_stage"]


def train_stage(
    recipe: Recipe,
    stage: Stage,
    strategy: Strategy,
    prepared: Prepared,
    fabric: Fabric,
    tracker: Tracker,
    reporter: Reporter,
    monitor: Monitor | None,
    keep: Callable[[int], None],
    shared: Path | None,
    keeper: Keeper,
) -> Record:
    """Train one stage, tracked and shown; only that of the transfer is monitored, and kept epoch by epoch.

    Args:
        recipe: the recipe.
        stage: the stage.
        strategy: its owner.
        prepared: corpora as tensors, with their truth, for selection.
        fabric: device and precision.
        tracker: is told every epoch's values.
        reporter: shows them.
        monitor: watches the alignment; None does not.
        keep: is told each epoch of the transfer that is over.
        shared: folder of what several runs have in common (`transfer.shared_stage`); None trains everything here.
        keeper: saves the state, and knows how far an interrupted run had come.
    """
    if recipe.pretraining.epochs:  # what a stage draws must not hang on what was drawn before: it may be taken over
        seed_everything(recipe.training.seed)
    strategy.begin(stage.name)
    if (record := keeper.finished(stage.name)) is not None:
        return record
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

        def train() -> Record:
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
                keeper=keeper,
                watched=monitor,
            )

        record, taken_over = shared_fit(shared, recipe, stage, strategy, train)
        if taken_over:
            for epoch, values in enumerate(record.epochs):
                report(epoch, values)
        keeper.over(record)
        return record
