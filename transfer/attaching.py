"""Model and strategy of a recipe, attached to corpora as tensors: where training begins, whatever they were made from."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from transfer.augmentation import Augmenter
from transfer.build import build_front_end, build_model, build_strategy
from transfer.data.domain import Domain
from transfer.device import seed_everything
from transfer.errors import UNSUITABLE, RecipeError, UserError
from transfer.initial_weights import Beginning, needs_no_file, take_over
from transfer.recipe import Recipe
from transfer.strategies import Setting, Strategy

__all__ = ["attach_strategy"]


def attach_strategy(
    recipe: Recipe,
    classes: Mapping[str, tuple[str, ...]],
    domains: Mapping[str, Domain],
    device: torch.device,
    augmenter: Augmenter | None = None,
) -> tuple[Strategy, Beginning]:
    """Build model and strategy, weights drawn by the recipe's seed; say what the model begins with.

    Args:
        recipe: names and options of everything.
        classes: corpus name -> its classes, sources first.
        domains: corpus name -> tensors; the strategy is handed them without labels that may not be used.
        device: of the model.
        augmenter: transforms training batches.

    Raises:
        RecipeError: for what the recipe does not give the strategy, or a checkpoint the model.
    """
    seed_everything(recipe.training.seed)
    channels = next(iter(domains.values())).features.shape[1]
    model = build_model(recipe, in_channels=channels, classes=classes, filled=needs_no_file(recipe)).to(device)
    begun = take_over(model, recipe, build_front_end(recipe).record(), classes)
    strategy = build_strategy(recipe)
    names = tuple(section.corpus for section in recipe.source)
    shown = {name: domain.without_truth() for name, domain in domains.items()}
    training, pretraining = recipe.training, recipe.pretraining
    try:
        strategy.attach(
            Setting(model, shown, names, recipe.target.corpus, training, pretraining, augmenter, begun.moments)
        )
    except UNSUITABLE as error:
        if isinstance(error, UserError):
            raise
        raise RecipeError(f"strategy: {recipe.strategy.name}: {error}") from error
    return strategy.to(device), begun
