"""`summary.json`: what a run found, and under which protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from platform import python_version
from typing import Any

import pandas as pd

from transfer.data.cache import hash_id
from transfer.loop import Record
from transfer.preparation import Plan, Prepared
from transfer.recipe import Recipe
from transfer.selection import TAGS

__all__ = ["package_versions", "public_recipe", "summarise"]

PACKAGES = (
    "transfer-speech",
    "torch",
    "torchaudio",
    "librosa",
    "lightning-fabric",
    "scikit-learn",
    "numpy",
    "mlflow",
    "geomloss",
)


def summarise(
    recipe: Recipe,
    planned: Plan,
    prepared: Prepared,
    records: Sequence[Record],
    metrics: Mapping[str, Any],
    gaps: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the summary, without times and ids that only the run knows.

    Args:
        recipe: the recipe.
        planned: corpora, parts, leakage.
        prepared: features.
        records: what the stages left.
        metrics: part -> scores of the target.
        gaps: `before` and `after` training -> level -> domain gap.
    """
    source = [s.corpus for s in recipe.source]
    return {
        "name": recipe.name,
        "strategy": recipe.strategy.name,
        "seed": recipe.training.seed,
        "source": source[0] if len(source) == 1 else source,
        "target": recipe.target.corpus,
        "target_labels": _target_labels(recipe, prepared.slices),
        "selection": {
            "by": recipe.selection.by,
            "metric": recipe.selection.metric,
            "tag": TAGS[recipe.selection.by],
            "epochs": {
                r.stage: {"kept": r.best_epoch + 1 or len(r.epochs), "run": len(r.epochs), "stopped": r.stopped}
                for r in records
            },
        },
        "split": _split(recipe, prepared.slices),
        "leakage": planned.leakage,
        "labels": planned.coverage,
        "classes": {name: list(classes) for name, classes in planned.classes.items()},
        "chance": 1 / len(planned.classes[recipe.target.corpus]),
        "metrics": dict(metrics),
        "diagnostics": dict(gaps),
        "synthetic": planned.synthetic or None,
        "skipped": {"clips": planned.skipped, "slices": prepared.skipped},
        "notes": planned.notes,
        "reported": recipe.reported,
        "feature_seconds": round(prepared.seconds, 2),
    }


def _target_labels(recipe: Recipe, slices: pd.DataFrame) -> dict[str, Any]:
    """Say how much of the target's labelling training saw."""
    used = slices[(slices["corpus"] == recipe.target.corpus) & slices["labelled"]]
    rule = recipe.target.labelled_speakers
    named = f"{len(rule)} named speakers" if isinstance(rule, list) else rule
    counts = {"labelled_speakers": named, "speakers": int(used["speaker"].nunique()), "slices": len(used)}
    if recipe.selection.by == "target_validation":  # their labels are used too, to choose the epoch
        seen = slices[(slices["corpus"] == recipe.target.corpus) & (slices["part"] == "valid")]
        counts |= {"validation_speakers": int(seen["speaker"].nunique()), "validation_slices": len(seen)}
    return counts


def _split(recipe: Recipe, slices: pd.DataFrame) -> dict[str, Any]:
    """Say how the corpora were parted."""
    rule = recipe.split
    parts: dict[str, dict[str, dict[str, int]]] = {}
    for (corpus, part), group in slices.groupby(["corpus", "part"], sort=False):
        parts.setdefault(str(corpus), {})[str(part)] = {
            "slices": len(group),
            "speakers": int(group["speaker"].nunique()),
        }
    seed = recipe.training.seed if rule.seed is None else rule.seed
    return {"by": rule.by, "seed": seed, "transductive": rule.transductive, "parts": parts}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide numbers.

    Example:
        >>> "torch" in package_versions()
        True
    """
    installed = {dist.name.lower().replace("_", "-"): dist.version for dist in distributions() if dist.name}
    return {"python": python_version(), **{name: installed[name] for name in PACKAGES if name in installed}}


def public_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as it may be recorded: no folders or addresses, and speaker ids hashed unless allowed."""
    tree = recipe.model_dump(mode="json")
    for section in (*tree["source"], tree["target"]):
        section["root"] = None
    if tree["pretraining"]["checkpoint"]:
        tree["pretraining"]["checkpoint"] = "(a local file)"
    tree["tracking"]["uri"] = None  # it may hold a password
    named = tree["target"]["labelled_speakers"]
    if isinstance(named, list) and not recipe.plain_ids:
        tree["target"]["labelled_speakers"] = [hash_id(f"{recipe.target.corpus}/speaker/{name}") for name in named]
    return tree
