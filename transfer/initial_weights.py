"""The model that a run begins with, taken over by name from the model file of another run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from feature_extractors.load_report import LoadReport
from feature_extractors.pretrained import load_weights
from transfer.checkpoint import Checkpoint, heard, read_checkpoint
from transfer.errors import RecipeError, did_you_mean
from transfer.model import TransferModel
from transfer.recipe import Recipe

__all__ = [
    "Beginning",
    "check_provenance",
    "load_extractor",
    "load_head",
    "needs_no_file",
    "refuse_frozen_draws",
    "take_over",
]


@dataclass(frozen=True)
class Beginning:
    """What a run begins with.

    Args:
        report: which weights of the extractor a file gave; None where there was no file.
        moments: `mean` and `covariance` of its universal features where it was trained; none where a part of it is new.
    """

    report: LoadReport | None = None
    moments: Mapping[str, Tensor] = field(default_factory=dict)


def take_over(
    model: TransferModel, recipe: Recipe, front_end: Mapping[str, Any], classes: Mapping[str, Sequence[str]]
) -> Beginning:
    """Load what `pretraining.checkpoint` gives into the extractor, and into the target's head where the recipe says so.

    Args:
        model: takes the weights.
        recipe: names the file and the rule.
        front_end: exact parameters of the recipe's front end.
        classes: corpus name -> its classes in this run.

    Raises:
        RecipeError: for a file that is not there, does not fit, or may have heard this run's test speakers.
    """
    if not recipe.pretraining.checkpoint:
        return Beginning()
    checkpoint = read_checkpoint(recipe.pretraining.checkpoint)
    check_provenance(checkpoint, recipe, front_end)
    rule = recipe.pretraining
    report = load_extractor(model, checkpoint, strict=rule.strict, modules=rule.modules)
    if rule.head:
        load_head(model, checkpoint, theirs=rule.head, target=recipe.target.corpus, classes=classes)
    return Beginning(report, {} if report.drawn else checkpoint.moments)


def refuse_frozen_draws(report: LoadReport | None, frozen: Iterable[str]) -> None:
    """Refuse to freeze an extractor of which a part was taken over and the rest is random.

    Raises:
        RecipeError: naming what would stay random.
    """
    if report is not None and report.drawn and "extractor" in frozen:
        raise RecipeError(
            f"pretraining.checkpoint: the extractor is frozen, and {len(report.drawn)} of its weights, "
            f"{report.drawn[0]} first, would stay as they were drawn; choose strategy finetune, or a checkpoint with all of them"
        )


def needs_no_file(recipe: Recipe) -> bool:
    """Tell whether a checkpoint gives every weight of the extractor, so that its own file of weights is not read."""
    rule = recipe.pretraining
    return bool(rule.checkpoint) and rule.strict and rule.modules is None


def check_provenance(checkpoint: Checkpoint, recipe: Recipe, front_end: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose extractor expects other features, or may have heard this run's test speakers.

    Args:
        checkpoint: where the extractor comes from.
        recipe: the recipe that takes it over.
        front_end: exact parameters of the recipe's front end.

    Raises:
        RecipeError: where the front end differs, or the file's run used this recipe's target and the recipe does not
            accept that by `split.accept_leakage: [speaker]`.
    """
    theirs = checkpoint.record.get("front_end", {})
    differing = [f"{k}: {theirs.get(k)!r} there, {v!r} here" for k, v in front_end.items() if theirs.get(k) != v]
    if differing:
        raise RecipeError(
            f"pretraining.checkpoint was trained on another front end ({'; '.join(differing)}); use the same one"
        )
    if recipe.target.corpus in heard(checkpoint) and "speaker" not in recipe.split.accept_leakage:
        raise RecipeError(
            f"pretraining.checkpoint: its run, or one before it, used {recipe.target.corpus}, the target here, so its "
            "extractor may know this run's test speakers; pretrain on the source alone, or accept it: split.accept_leakage: [speaker]"
        )


def load_extractor(
    model: TransferModel,
    checkpoint: Checkpoint,
    *,
    strict: bool = True,
    modules: Mapping[str, str] | None = None,
) -> LoadReport:
    """Load the extractor's weights by name.

    Its BatchNorm statistics are those that the file's run had for its first source, and become those of every corpus.

    Args:
        model: its extractor takes them.
        checkpoint: where they come from.
        strict: whether every weight must be there and fit; otherwise what matches is taken.
        modules: module of this extractor -> module of the file's that fills it; None for the whole extractor.

    Raises:
        RecipeError: naming what is missing, what is left over and what has another shape.
    """
    given = {n.removeprefix("extractor."): t for n, t in checkpoint.weights.items() if n.startswith("extractor.")}
    try:
        report = load_weights(model.extractor, given, origin="the file", strict=strict, modules=modules)
    except ValueError as error:
        raise RecipeError(
            f"pretraining.checkpoint: {error}\nUse the extractor section of the run that wrote it, name the modules that "
            "fit (`pretraining.modules: [tim]`), or take what matches (`pretraining.strict: false`)"
        ) from error
    if model.statistics is not None:
        model.statistics.adopt()
    return report


def load_head(
    model: TransferModel, checkpoint: Checkpoint, *, theirs: str, target: str, classes: Mapping[str, Sequence[str]]
) -> None:
    """Let the target's head begin as that of a corpus of the file.

    Args:
        model: takes the weights.
        checkpoint: where they come from.
        theirs: a corpus of the file's run.
        target: the corpus whose head takes them.
        classes: corpus name -> its classes in this run.

    Raises:
        RecipeError: for a corpus that the file does not have, other classes, or another kind of head.
    """
    known = {name: tuple(names) for name, names in checkpoint.record.get("classes", {}).items()}
    if theirs not in known:
        raise RecipeError(f"pretraining.head: the checkpoint has no head of {theirs!r}; {did_you_mean(theirs, known)}")
    if known[theirs] != tuple(classes[target]):
        raise RecipeError(
            f"pretraining.head: the head of {theirs} decides between {', '.join(known[theirs])}, and {target} has "
            f"{', '.join(classes[target])}; rename with target.relabel, leaving out what the head does not know"
        )
    owner = theirs if checkpoint.record["recipe"].get("heads") != "shared" else next(iter(known))
    prefix = f"heads.{owner}."
    given = {n.removeprefix(prefix): t for n, t in checkpoint.weights.items() if n.startswith(prefix)}
    try:
        load_weights(model.head(target), given, origin="the file")
    except ValueError as error:
        raise RecipeError(f"pretraining.head: {error}\nUse the head section of the run that wrote it") from error
    if model.statistics is not None:
        model.statistics.adopt()
