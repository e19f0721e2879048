"""A run as the tracker sees it: what it is, how it scored, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transfer.preparation import Plan
from transfer.recipe import Recipe
from transfer.summary import public_recipe
from transfer.tracking import Status, Tracker, open_tracker

__all__ = ["headline", "tracked_run"]


def headline(metrics: Mapping[str, Any], tag: str) -> dict[str, float]:
    """Return the scalar scores of every part and level; those that test labels chose are never called like the others."""
    mark = "oracle/" if tag == "oracle" else ""
    return {
        f"{mark}{part}/{level}/{name}": value
        for part, levels in metrics.items()
        for level, scores in levels.items()
        for name, value in scores.items()
        if isinstance(value, float)
    }


@contextmanager
def tracked_run(
    recipe: Recipe,
    planned: Plan,
    *,
    parent: str | None = None,
    tags: Mapping[str, Any] | None = None,
    resume: str | None = None,
) -> Iterator[Tracker]:
    """Open the tracked run, say what it is, and close it with its fate.

    Args:
        recipe: the recipe.
        planned: its plan.
        parent: id of the run that it is nested in.
        tags: more to find it by.
        resume: id of the run that goes on.
    """
    tracking = recipe.tracking
    tracker = open_tracker(tracking.kind, tracking.uri, tracking.experiment, recipe.name, parent=parent, resume=resume)
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
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        tracker.finish(status)
