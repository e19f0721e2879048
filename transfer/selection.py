"""Which epoch's weights are kept: the score that a stage watches, and whose labels that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from transfer.data.domain import Domain
from transfer.errors import RecipeError
from transfer.evaluation.metrics import confusion, uar
from transfer.model import TransferModel
from transfer.prediction import predict
from transfer.recipe import Recipe

__all__ = ["check_selection", "scorer", "validation_scores"]

TAGS = {
    "target_validation": "target_validation",
    "source_validation": "source_validation",
    "last": "last epoch, no selection",
    "oracle": "oracle (looks at test labels)",
}


def check_selection(recipe: Recipe, slices: pd.DataFrame, learns_from: Sequence[str]) -> None:
    """Refuse a selection rule that the parts cannot serve, or that would use labels which the recipe withholds.

    Args:
        recipe: the recipe.
        slices: slice table with corpus and part.
        learns_from: whose labels the strategy may use, `source` and `target`.

    Raises:
        RecipeError: saying which rules can be had.
    """
    rule, target = recipe.selection.by, recipe.target.corpus
    parts = {(c, p) for c, p in zip(slices["corpus"], slices["part"], strict=True)}
    if rule == "target_validation":
        if "target" not in learns_from:
            raise RecipeError(
                f"selection.by: target_validation uses target labels, and {recipe.strategy.name} is the control that uses none; "
                "choose source_validation or last"
            )
        if recipe.target.labelled_speakers in ("none", 0):
            raise RecipeError(
                "selection.by: target_validation uses target labels, but target.labelled_speakers is none; choose source_validation or last"
            )
        if (target, "valid") not in parts:
            raise RecipeError(
                "selection.by: target_validation, but the target has no validation part (a transductive split never has); "
                "choose source_validation or last"
            )
    if rule == "last" and recipe.training.early_stopping is not None:
        raise RecipeError(
            "training.early_stopping needs a validation score, and selection.by is last; choose another rule"
        )
    if rule == "source_validation" and not any((s.corpus, "valid") in parts for s in recipe.source):
        raise RecipeError(
            "selection.by: source_validation, but no source has a validation part; add a source, or choose last"
        )


def scorer(
    recipe: Recipe, model: TransferModel, domains: Mapping[str, Domain], stage: str
) -> Callable[[], dict[str, float]] | None:
    """Return the function that scores the model for selection in a stage, or None where the last epoch is kept.

    Pretraining is always selected on the source's validation part.

    Args:
        recipe: the recipe.
        model: scored as it is when the function is called.
        domains: corpora as tensors.
        stage: `pretraining` or `transfer`.
    """
    rule = "source_validation" if stage == "pretraining" else recipe.selection.by
    if rule == "last":
        return None
    names = [s.corpus for s in recipe.source] if rule == "source_validation" else [recipe.target.corpus]
    part = "test" if rule == "oracle" else "valid"
    watched = [domains[name] for name in names if len(domains[name].pools[part])]
    if not watched:
        return None

    def score() -> dict[str, float]:
        found = [validation_scores(predict(model, domain, part, plain_ids=True)) for domain in watched]
        return {key: sum(scores[key] for scores in found) / len(found) for key in found[0]}

    return score


def validation_scores(table: pd.DataFrame) -> dict[str, float]:
    """Return UAR and mean cross-entropy (nats) of a prediction table, at slice level.

    Example:
        >>> validation_scores(pd.DataFrame({"truth": ["a", "b"], "p_a": [0.5, 0.5], "p_b": [0.5, 0.5]}))
        {'uar': 0.5, 'loss': 0.6931471805599453}
    """
    columns = [c for c in table.columns if c.startswith("p_")]
    index = {c.removeprefix("p_"): i for i, c in enumerate(columns)}
    chosen = table[columns].to_numpy()[np.arange(len(table)), [index[t] for t in table["truth"]]]
    return {"uar": float(uar(confusion(table))), "loss": float(-np.log(np.maximum(chosen, 1e-12)).mean())}
