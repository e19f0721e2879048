"""How the predictions of a run become its scores: what is chosen on validation is chosen before the test part counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from transfer.errors import RecipeError
from transfer.evaluation.aggregation import Level, Rule, choose_rule
from transfer.evaluation.calibration import fit_temperature
from transfer.evaluation.levels import evaluate
from transfer.evaluation.operating_point import OperatingPoint, choose_points
from transfer.evaluation.positive import named_positive, positive_class
from transfer.evaluation.predictions import class_names, probabilities
from transfer.recipe import Recipe
from transfer.training_sections import AtSensitivity

__all__ = ["check_scoring", "check_target", "guessed_positive", "score_parts"]


def check_target(recipe: Recipe, slices: pd.DataFrame, classes: Sequence[str]) -> None:
    """Refuse a target that nothing can be tested on, and figures that its classes do not allow.

    Args:
        recipe: the recipe.
        slices: slice table with corpus and part.
        classes: of the target.

    Raises:
        UserError: naming the field.
    """
    if not ((slices["corpus"] == recipe.target.corpus) & (slices["part"] == "test")).any():
        raise RecipeError(
            f"split.test is {recipe.split.test}, which leaves no test part of {recipe.target.corpus}; set a share above 0"
        )
    if len(classes) < 2:
        raise RecipeError(
            f"{recipe.target.corpus} has one class ({', '.join(classes)}), so that there is nothing to decide; expected clips of "
            "two or more"
        )
    check_scoring(recipe, classes)


def guessed_positive(recipe: Recipe, classes: Sequence[str]) -> list[str]:
    """Return a note where sensitivity will be about a class that neither the recipe nor a name tells, else nothing."""
    if len(classes) != 2 or recipe.positive is not None or named_positive(classes) is not None:
        return []
    return [
        f"{recipe.target.corpus}: sensitivity is about {positive_class(classes)!r} and specificity about {classes[0]!r}, by "
        "alphabet alone; if it is the other way round, or to say so, set `positive`"
    ]


def check_scoring(recipe: Recipe, classes: Sequence[str]) -> None:
    """Refuse a positive class that the target has not, and figures of two classes where it has more.

    Raises:
        UserError: naming the field.
    """
    asked = recipe.evaluation
    fields = {
        "evaluation.prevalence": asked.prevalence is not None,
        "evaluation.operating_point": isinstance(asked.operating_point, AtSensitivity),
    }
    for field in (name for name, given in fields.items() if given and len(classes) != 2):
        raise RecipeError(
            f"{field} is about two classes, and {recipe.target.corpus} has {len(classes)}: {', '.join(classes)}; "
            "leave it out, or relabel the target"
        )
    if recipe.positive is not None:
        positive_class(classes, recipe.positive)


def score_parts(recipe: Recipe, tables: Mapping[str, pd.DataFrame]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score the target's validation and test predictions.

    The aggregation rule and the operating point are chosen on target validation, and only where `selection.by` is
    `target_validation`: elsewhere the run counts as one that has not looked at those labels.

    Args:
        recipe: its sections `evaluation` and `selection`, and `positive`.
        tables: part -> prediction table; a part may have no rows.

    Returns:
        part -> scores (`evaluation.levels.evaluate`), and what was chosen, on what, for the summary.
    """
    asked, valid = recipe.evaluation, tables.get("valid")
    seen = valid if recipe.selection.by == "target_validation" and valid is not None and len(valid) else None
    rule: Rule = "mean" if asked.aggregation == "choose" else asked.aggregation
    if asked.aggregation == "choose" and seen is not None:
        rule = choose_rule(seen)
    points: dict[Level, OperatingPoint] = {}
    if asked.operating_point is not None and seen is not None:
        aim = asked.operating_point.sensitivity if isinstance(asked.operating_point, AtSensitivity) else None
        points = choose_points(seen, rule=rule, positive=recipe.positive, sensitivity=aim)
    metrics = {
        part: evaluate(
            table,
            positive=recipe.positive,
            rule=rule,
            prevalence=asked.prevalence,
            points=points if part == "test" else None,
        )
        for part, table in tables.items()
        if len(table)
    }
    chosen_on = "target validation" if asked.aggregation == "choose" and seen is not None else None
    return metrics, {
        "temperature": _temperature(seen) if seen is not None else None,
        "rule": rule,
        "rule_chosen_on": chosen_on,
        "thresholds": {level: point.threshold for level, point in points.items()},
        "thresholds_chosen_on": "target validation" if points else None,
        "prevalence": asked.prevalence,
    }


def _temperature(valid: pd.DataFrame) -> float:
    """Return the temperature at which a validation part's probabilities mean what they say; scores stay untempered."""
    classes = class_names(valid)
    return fit_temperature(probabilities(valid), [classes.index(label) for label in valid["truth"]])
