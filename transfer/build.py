"""Names of a recipe into objects: the only place where that happens."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from feature_extractors import EXTRACTORS, HEADS
from feature_extractors.augmentations import AUGMENTATIONS
from feature_extractors.frontends import FRONTENDS
from feature_extractors.logits import refuse_softmax
from losses import LOSSES
from transfer.errors import UNSUITABLE, RecipeError
from transfer.model import TransferModel
from transfer.recipe import Component, Recipe
from transfer.registry import Registry
from transfer.strategies import STRATEGIES, Strategy

__all__ = ["build_component", "build_front_end", "build_model", "build_strategy", "registries", "without_weights"]


def registries() -> dict[str, Registry]:
    """Return every table of names that a recipe may use.

    Example:
        >>> "ddg" in registries()["strategies"]
        True
    """
    return {
        "strategies": Registry("strategy", STRATEGIES),
        "extractors": Registry("extractor", EXTRACTORS),
        "heads": Registry("head", HEADS),
        "losses": Registry("loss", LOSSES),
        "frontends": Registry("front end", FRONTENDS),
        "augmentations": Registry("augmentation", AUGMENTATIONS),
    }


def build_front_end(recipe: Recipe) -> Any:
    """Return the front end of a recipe."""
    return build_component("frontend", "frontends", recipe.frontend, {})


def build_strategy(recipe: Recipe) -> Strategy:
    """Return the strategy of a recipe, not yet attached to a setting."""
    strategy: Strategy = build_component("strategy", "strategies", recipe.strategy, {})
    return strategy


def build_model(
    recipe: Recipe, *, in_channels: int, classes: Mapping[str, tuple[str, ...]], filled: bool = False
) -> TransferModel:
    """Return extractor and heads of a recipe.

    Args:
        recipe: the recipe.
        in_channels: C of the front end.
        classes: corpus name -> its classes, sources first.
        filled: whether a model file will fill all weights, so that the extractor reads none of its own.

    Raises:
        RecipeError: where the corpora should share a head and their classes differ, or a value does not suit its class.
    """
    names = list(classes)
    shares: dict[str, str] = {}
    if recipe.heads == "shared":
        if len(set(classes.values())) > 1:
            listed = "; ".join(f"{name}: {', '.join(c)}" for name, c in classes.items())
            raise RecipeError(
                f"heads: shared needs the same classes in all corpora; set `labels: shared` (now {listed})"
            )
        shares = dict.fromkeys(names[1:], names[0])
    component = without_weights(recipe.extractor) if filled else recipe.extractor
    extractor: nn.Module = build_component("extractor", "extractors", component, {"in_channels": in_channels})
    size: dict[str, Any] = {"in_features": extractor.dim, "in_scales": getattr(extractor, "num_scales", 0)}
    heads = {name: _head(recipe, size, classes=len(c)) for name, c in classes.items() if name not in shares}
    return TransferModel(
        extractor,
        heads,
        order=names,
        shares=shares,
        separate_statistics=recipe.batch_statistics == "corpus" and len(names) > 1,
    )


def _head(recipe: Recipe, size: Mapping[str, Any], *, classes: int) -> nn.Module:
    """Return a new head, refused where it gives probabilities."""
    head: nn.Module = build_component("head", "heads", recipe.head, {**size, "classes": classes})
    try:
        refuse_softmax(head, **size)
    except ValueError as error:
        raise RecipeError(f"head.name: {error}") from error
    except UNSUITABLE as error:
        raise RecipeError(f"head: {recipe.head.name}: {error}") from error
    return head


def without_weights(component: Component) -> Component:
    """Return an extractor's component without the file that its weights came from: its architecture alone.

    Every extractor that can begin with weights of a file takes them as `weights`, a path or `random`.

    Example:
        >>> without_weights(Component(name="hubert", weights="hubert.pth", size="base")).options
        {'weights': 'random', 'size': 'base'}
    """
    return component.model_copy(update={"weights": "random"}) if "weights" in component.options else component


def build_component(section: str, table: str, component: Component, filled_in: Mapping[str, Any]) -> Any:
    """Construct a component from its options and from what the engine fills in, where its class wants that."""
    cls = registries()[table][component.name]
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):  # a file's record may name any function there is
        raise RecipeError(
            f"{section}.name: {component.name!r} is no class of torch modules; expected a subclass of nn.Module"
        )
    wanted = inspect.signature(cls).parameters
    given = {k: v for k, v in filled_in.items() if k in wanted}
    try:
        return cls(**component.options, **given)
    except (*UNSUITABLE, ImportError) as error:  # ImportError: an extra that is not installed
        raise RecipeError(f"{section}: {component.name}: {error}") from error
