"""The model of a checkpoint, built as its record says. A record may come from anybody: nothing is made that its weights do not fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from transfer.build import build_front_end, build_model, registries
from transfer.checkpoint import Checkpoint, fill_model
from transfer.errors import RecipeError, UserError
from transfer.model import TransferModel
from transfer.options import check_options
from transfer.recipe import Recipe
from transfer.recipe_check import Source

__all__ = ["filled_model"]


def filled_model(
    recipe: Recipe, classes: Mapping[str, tuple[str, ...]], checkpoint: Checkpoint
) -> tuple[TransferModel, Any]:
    """Return the model of a checkpoint, in evaluation, and the front end that it hears through.

    Args:
        recipe: of its record.
        classes: corpus name -> its classes, sources first.
        checkpoint: weights, statistics and record.

    Raises:
        RecipeError: where recipe, classes, weights and statistics are not those of one model, or no model can be built.
    """
    if recipe.target.corpus not in classes:
        raise RecipeError(
            f"the model's record has the classes of {', '.join(classes)}, not of its target {recipe.target.corpus!r}"
        )
    for section in ("frontend", "extractor", "head"):
        check_options(
            section, getattr(recipe, section), registries()[f"{section}s"], Source({"": "the model's record"})
        )
    try:
        front_end = build_front_end(recipe)
        channels = int(front_end.channels)
        _check_statistics(checkpoint, channels)
        with torch.device("meta"):  # shapes without memory
            planned = build_model(recipe, in_channels=channels, classes=classes, filled=True)
        _check_shapes(planned, checkpoint)
        model = build_model(recipe, in_channels=channels, classes=classes, filled=True).eval()
    except UserError:
        raise
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise RecipeError(f"no model can be built from the record: {error}") from error
    fill_model(model, checkpoint, front_end.record())
    return model, front_end


def _check_statistics(checkpoint: Checkpoint, channels: int) -> None:
    """Refuse statistics of another number of channels, or deviations below zero."""
    for name, values in checkpoint.normalisation.items():
        if tuple(values.shape) != (channels,):
            raise RecipeError(
                f"the statistics {name!r} have shape {tuple(values.shape)}; the model's front end has {channels} channels"
            )
        if name.endswith(".std") and bool((values < 0).any()):
            raise RecipeError(
                f"the statistics {name!r} hold a deviation below zero; the model has to be exported again"
            )


def _check_shapes(planned: TransferModel, checkpoint: Checkpoint) -> None:
    """Refuse a record whose model its weights would not fill, before any memory is taken for it."""
    wanted = {name: tuple(value.shape) for name, value in planned.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in checkpoint.weights.items()}
    for name in [*wanted, *(name for name in given if name not in wanted)]:
        if wanted.get(name) != given.get(name):
            there, asked = (str(shapes.get(name, "none")) for shapes in (given, wanted))
            raise RecipeError(
                f"the weights are not those of the recipe: {name} has shape {there}, and {asked} is expected; "
                "the file was changed, or written by another version"
            )
