"""Which epoch's weights are kept: the score that a stage watches, and whose labels that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from transfer.data.domain import Domain
from transfer.errors import RecipeError
from transfer.evaluation.metrics import accuracy, confusion, uar
from transfer.evaluation.validators import CRITERIA
from transfer.evidence import gather
from transfer.model import TransferModel
from transfer.prediction import predict
from transfer.recipe import Recipe

__all__ = ["check_selection", "criterion_fault", "rule_of", "scorer", "tag", "validation_scores", "watched_metric"]


def tag(rule: str) -> str:
    """Return what a score says of the rule that chose its checkpoint.

    Example:
        >>> tag("target_validation"), tag("snd"), tag("last"), tag("oracle")
        ('target_validation', 'unsupervised:snd', 'last epoch, no selection', 'oracle')
    """
    if rule in CRITERIA:
        return f"unsupervised:{rule}"
    return "last epoch, no selection" if rule == "last" else rule


def rule_of(recipe: Recipe, stage: str) -> str:
    """Return the rule of a stage: pretraining is always selected on the source's validation part."""
    return "source_validation" if stage == "pretraining" else recipe.selection.by


def watched_metric(recipe: Recipe, stage: str) -> str:
    """Return the score that selects in a stage: a criterion is its own."""
    rule = rule_of(recipe, stage)
    return rule if rule in CRITERIA else recipe.selection.metric


def check_selection(recipe: Recipe, slices: pd.DataFrame, learns_from: Sequence[str]) -> None:
    """Refuse a selection rule that the parts cannot serve, or that would use labels which the recipe withholds.

    Args:
        recipe: the recipe.
        slices: slice table with corpus, part, label, labelled and visible.
        learns_from: whose labels the strategy may use, `source` and `target`.

    Raises:
        RecipeError: saying which rules can be had.
    """
    rule = recipe.selection.by
    if rule == "target_validation":
        _check_target_validation(recipe, slices, learns_from)
    if rule == "source_validation" and not _source_validates(recipe, slices):
        raise RecipeError(
            "selection.by: source_validation, but no source has a validation part; add a source, or choose last"
        )
    if rule == "source_validation" and "source" not in learns_from:
        raise RecipeError(
            f"selection.by: source_validation, but {recipe.strategy.name} never learns the source; choose target_validation or last"
        )
    if rule in CRITERIA and (fault := criterion_fault(rule, recipe, slices, learns_from)):
        raise RecipeError(f"selection.by: {rule} {fault}")
    _check_early_stopping(recipe)


def criterion_fault(name: str, recipe: Recipe, slices: pd.DataFrame, learns_from: Sequence[str]) -> str:
    """Say why a criterion without target labels cannot be computed on these parts, or ''."""
    needs = CRITERIA[name].needs
    target = slices[slices["corpus"] == recipe.target.corpus]
    heard = (target["visible"] | (target["part"] == "valid")) & ~target["labelled"]
    classes = slices.groupby("corpus")["label"].agg(set)
    if heard.sum() < 2:
        return (
            "scores target slices whose labels training does not use, and there are none; set split.valid above 0, "
            "withhold labels with target.labelled_speakers, or choose last"
        )
    if needs != {"target"} and (not recipe.source or "source" not in learns_from):
        return f"compares with the source, which {recipe.strategy.name} never learns; choose snd, im or entropy"
    if "source_valid" in needs and not _source_validates(recipe, slices):
        return "looks at validation slices of the source, and there are none; set split.valid above 0"
    if CRITERIA[name].same_classes and not any(classes[s.corpus] == set(target["label"]) for s in recipe.source):
        return "needs a source with the same classes as the target; set `labels: shared`, or choose snd, im or mmd"
    return ""


def _check_target_validation(recipe: Recipe, slices: pd.DataFrame, learns_from: Sequence[str]) -> None:
    """Refuse selection by target labels where they are withheld, or there is no part for it."""
    if "target" not in learns_from:
        raise RecipeError(
            f"selection.by: target_validation uses target labels, and {recipe.strategy.name} is the control that uses none; "
            "choose source_validation, a criterion such as snd, or last"
        )
    if recipe.target.labelled_speakers in ("none", 0, []):
        raise RecipeError(
            "selection.by: target_validation uses target labels, but target.labelled_speakers is none; "
            "choose source_validation, a criterion such as snd, or last"
        )
    if not ((slices["corpus"] == recipe.target.corpus) & (slices["part"] == "valid")).any():
        raise RecipeError(
            "selection.by: target_validation, but the target has no validation part (a transductive split never has); "
            "choose source_validation, a criterion such as snd, or last"
        )


def _check_early_stopping(recipe: Recipe) -> None:
    """Refuse to stop early on a score that is not computed."""
    rule, stopping = recipe.selection.by, recipe.training.early_stopping
    if stopping is None:
        return
    if rule == "last":
        raise RecipeError(
            "training.early_stopping needs a validation score, and selection.by is last; choose another rule"
        )
    if rule in CRITERIA and stopping.watch != "selection":
        raise RecipeError(
            f"training.early_stopping.watch: {stopping.watch} is not computed with selection.by: {rule}; write `watch: selection`"
        )


def _source_validates(recipe: Recipe, slices: pd.DataFrame) -> bool:
    """Tell whether a source has a validation part."""
    return bool((slices["corpus"].isin([s.corpus for s in recipe.source]) & (slices["part"] == "valid")).any())


def scorer(
    recipe: Recipe, model: TransferModel, domains: Mapping[str, Domain], stage: str
) -> Callable[[], dict[str, float]] | None:
    """Return the function that scores the model for selection in a stage, or None where the last epoch is kept.

    Args:
        recipe: the recipe.
        model: scored as it is when the function is called.
        domains: corpora as tensors.
        stage: `pretraining` or `transfer`.
    """
    rule, sources, target = rule_of(recipe, stage), [s.corpus for s in recipe.source], recipe.target.corpus
    if rule == "last":
        return None
    if rule in CRITERIA:
        criterion = CRITERIA[rule]
        return lambda: {rule: criterion.score(gather(model, domains, sources, target, criterion.needs))}
    part = "test" if rule == "oracle" else "valid"
    names = sources if rule == "source_validation" else [target]
    watched = [domains[name] for name in names if len(domains[name].pools[part])]
    if not watched:
        return None

    def score() -> dict[str, float]:
        found = [validation_scores(predict(model, domain, part, plain_ids=True)) for domain in watched]
        return {key: sum(scores[key] for scores in found) / len(found) for key in found[0]}

    return score


def validation_scores(table: pd.DataFrame) -> dict[str, float]:
    """Return UAR, accuracy and mean cross-entropy (nats) of a prediction table, at slice level.

    Example:
        >>> validation_scores(pd.DataFrame({"truth": ["a", "b"], "p_a": [0.5, 0.5], "p_b": [0.5, 0.5]}))
        {'uar': 0.5, 'accuracy': 0.5, 'loss': 0.6931471805599453}
    """
    columns = [c for c in table.columns if c.startswith("p_")]
    index = {c.removeprefix("p_"): i for i, c in enumerate(columns)}
    chosen = table[columns].to_numpy()[np.arange(len(table)), [index[t] for t in table["truth"]]]
    counts = confusion(table)
    return {
        "uar": float(uar(counts)),
        "accuracy": float(accuracy(counts)),
        "loss": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
    }
