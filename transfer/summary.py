"""`summary.json`: what a run found, and under which protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import pandas as pd

from transfer.keeper import Record
from transfer.preparation import Plan, Prepared
from transfer.recipe import Recipe
from transfer.selection import rule_of, tag

__all__ = ["fingerprints", "package_versions", "summarise"]

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
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the summary, without times and ids that only the run knows.

    Args:
        recipe: the recipe.
        planned: corpora, parts, leakage.
        prepared: features.
        records: what the stages left.
        metrics: part -> scores of the target.
        gaps: `before` and `after` training -> level -> domain gap.
        warnings: what went wrong in the adaptation, in words.
    """
    source = [s.corpus for s in recipe.source]
    selected_by = {r.stage: tag(rule_of(recipe, r.stage) if r.best_epoch >= 0 else "last") for r in records}
    chosen = selected_by.get("transfer", tag("last"))
    return {
        "name": recipe.name,
        "strategy": recipe.strategy.name,
        "seed": recipe.training.seed,
        "source": source[0] if len(source) == 1 else source,
        "target": recipe.target.corpus,
        "target_labels": _target_labels(recipe, prepared.slices),
        "labels_seen": _labels_seen(prepared.slices),
        "fingerprints": fingerprints(prepared.slices),
        "selection": {
            "by": recipe.selection.by,
            "metric": recipe.selection.metric,
            "tag": chosen,
            "epochs": {
                r.stage: {
                    "kept": r.best_epoch + 1 or len(r.epochs),
                    "run": len(r.epochs),
                    "steps": r.steps,
                    "stopped": r.stopped,
                }
                for r in records
            },
        },
        "split": {**_split(recipe, prepared.slices), "hash": planned.split},
        "leakage": {**planned.leakage, **prepared.leakage},
        "labels": planned.coverage,
        "classes": {name: list(classes) for name, classes in planned.classes.items()},
        "chance": 1 / len(planned.classes[recipe.target.corpus]),
        "selected_by": selected_by,
        "metrics": {
            part: {level: {**scores, "selected_by": chosen} for level, scores in levels.items()}
            for part, levels in metrics.items()
        },
        "diagnostics": dict(gaps),
        "warnings": list(warnings),
        "synthetic": planned.synthetic or None,
        "skipped": {"clips": planned.skipped, "slices": prepared.skipped},
        "notes": [*planned.notes, *prepared.notes],
        "loaded_weights": planned.loaded,
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


def fingerprints(slices: pd.DataFrame) -> dict[str, str]:
    """Return a hash of each corpus's audio as it was cut, whatever its files are called."""
    digests = {}
    for corpus, group in slices.groupby("corpus", sort=False):
        said = sorted(
            f"{h}:{a:.6f}:{b:.6f}" for h, a, b in zip(group["hash"], group["start"], group["end"], strict=True)
        )
        digests[str(corpus)] = hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]
    return digests


def _labels_seen(slices: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count the labels that training was given: corpus -> class -> slices."""
    used = slices[slices["labelled"]]
    counts: dict[str, dict[str, int]] = {}
    for (corpus, label), group in used.groupby(["corpus", "label"], sort=True):
        counts.setdefault(str(corpus), {})[str(label)] = len(group)
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
    return {"by": "file" if rule.file else rule.by, "seed": seed, "transductive": rule.transductive, "parts": parts}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide numbers.

    Example:
        >>> "torch" in package_versions()
        True
    """
    return {"python": python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}


def _version(name: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
