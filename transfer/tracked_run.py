"""A run as the tracker sees it: what it is, how it scored, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from transfer.checkpoint import FILE
from transfer.errors import Pruned
from transfer.preparation import Plan
from transfer.recipe import Recipe
from transfer.redaction import public_recipe
from transfer.spool import FILES as SPOOL_FILES
from transfer.summary import fingerprints
from transfer.tracking import Status, Tracker, open_tracker

__all__ = ["headline", "track_corpora", "track_result", "tracked_run"]


def headline(metrics: Mapping[str, Any], tag: str) -> dict[str, float]:
    """Return every number among the scores under its path, such as `test/subject/operating_point/sensitivity`.

    The two ends of an interval are `<name>_ci/low` and `/high`. Scores that test labels chose are never called like
    the others.

    Args:
        metrics: part -> level -> scores, of the summary.
        tag: what chose the epoch.

    Example:
        >>> headline({"test": {"slice": {"n": 4, "uar": 0.5, "uar_ci": [0.25, 0.75], "auc": None}}}, "oracle")
        {'oracle/test/slice/uar': 0.5, 'oracle/test/slice/uar_ci/low': 0.25, 'oracle/test/slice/uar_ci/high': 0.75}
    """
    return dict(_numbers(metrics, "oracle" if tag == "oracle" else ""))


def _numbers(scores: Mapping[str, Any], path: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers of nested scores; counts are not scores."""
    for key, value in scores.items():
        name = f"{path}/{key}" if path else key
        if isinstance(value, float):
            yield name, value
        elif isinstance(value, Mapping):
            yield from _numbers(value, name)
        elif value is not None and (key.endswith("_ci") or key == "interval"):
            yield from zip((f"{name}/low", f"{name}/high"), value, strict=True)


@contextmanager
def tracked_run(
    recipe: Recipe,
    planned: Plan,
    *,
    parent: str | None = None,
    tags: Mapping[str, Any] | None = None,
    resume: str | None = None,
    folder: Path | None = None,
) -> Iterator[Tracker]:
    """Open the tracked run, say what it is, and close it with its fate.

    Args:
        recipe: the recipe.
        planned: its plan.
        parent: id of the run that it is nested in.
        tags: more to find it by.
        resume: id of the run that goes on.
        folder: of the run, where what the store does not take waits for it.
    """
    tracking = recipe.tracking
    tracker = open_tracker(
        tracking.kind,
        tracking.uri,
        tracking.experiment,
        recipe.name,
        parent=parent,
        resume=resume,
        folder=folder,
    )
    status: Status = "FAILED"
    try:
        tracker.params(public_recipe(recipe))
        tracker.tags(
            {
                "strategy": recipe.strategy.name,
                "source": ", ".join(s.corpus for s in recipe.source) or "none",
                "target": recipe.target.corpus,
                "synthetic": bool(planned.synthetic),
                "selection": recipe.selection.by,
                "leakage": ", ".join(recipe.split.accept_leakage) or "none",
                **(tags or {}),
            }
        )
        yield tracker
        status = "FINISHED"
    except (KeyboardInterrupt, Pruned):
        status = "KILLED"
        raise
    finally:
        tracker.finish(status)


def track_corpora(tracker: Tracker, recipe: Recipe, slices: pd.DataFrame) -> None:
    """Say which corpora a run hears, by their fingerprints.

    Args:
        tracker: of the run.
        recipe: the recipe.
        slices: all slices of the run.
    """
    for corpus, fingerprint in fingerprints(slices).items():
        own = slices[slices["corpus"] == corpus]
        role = "target" if corpus == recipe.target.corpus else "source"
        tracker.dataset(corpus, fingerprint, role, {"slices": len(own), "speakers": int(own["speaker"].nunique())})


def track_result(tracker: Tracker, recipe: Recipe, summary: Mapping[str, Any], folder: Path) -> None:
    """Record what a run found: its scores, the files of its folder, and the model.

    Args:
        tracker: of the run.
        recipe: the recipe.
        summary: of the run.
        folder: of the run; every epoch's weights, in a folder of their own, stay there.
    """
    tracker.metrics(headline(summary["metrics"], summary["selection"]["tag"]), step=0)
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.name not in SPOOL_FILES):
        tracker.artifact(file)
    if recipe.tracking.model and recipe.target.slices.version != "frames":  # `predict` judges clips
        tracker.model(folder / FILE)
