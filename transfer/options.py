"""Options of named components, checked against the signature of the class they name."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from transfer.errors import RecipeError, did_you_mean
from transfer.loading import Source
from transfer.option_ranges import bounded, is_ours
from transfer.recipe import Component, Recipe
from transfer.recipe_check import is_union_tag
from transfer.registry import Registry

__all__ = ["check_components", "check_options", "component_options"]


def check_components(recipe: Recipe, source: Source) -> None:
    """Check strategy, extractor, head and front end of a recipe against the classes they name.

    Raises:
        RecipeError: with the dotted path, `file:line`, and the options there are.
    """
    from transfer.augmentation import augmentation_faults  # imports torch
    from transfer.build import registries

    tables = registries()
    sections = {
        "strategy": (tables["strategies"], recipe.strategy),
        "frontend": (tables["frontends"], recipe.frontend),
        "extractor": (tables["extractors"], recipe.extractor),
        "head": (tables["heads"], recipe.head),
    }
    for path, (table, component) in sections.items():
        check_options(path, component, table, source)
    strategy, options = tables["strategies"][recipe.strategy.name], recipe.strategy.options
    for path, component in strategy.losses_named(options).items():
        check_options(f"strategy.{path}", component, tables["losses"], source)
    for i, component in enumerate(recipe.training.augment):
        check_options(f"training.augment.{i}", component, tables["augmentations"], source)
    for path, fault in augmentation_faults(recipe).items():
        raise RecipeError(f"{source.place(path)}: {path}: {fault}")
    for path, fault in strategy.faults(options).items():
        raise RecipeError(f"{source.place(f'strategy.{path}')}: strategy.{path}: {fault}")


def check_options(path: str, component: Component, table: Registry, source: Source) -> None:
    """Check the options of one component.

    Args:
        path: dotted path of the component in the recipe.
        component: its name and options.
        table: the registry that knows the name.
        source: where keys were written.
    """
    try:
        cls = table[component.name]
    except RecipeError as error:
        raise RecipeError(f"{source.place(f'{path}.name')}: {path}.name: {error}") from error
    known = component_options(cls)
    for key in component.options:
        if key not in known:
            where = source.place(f"{path}.{key}")
            raise RecipeError(f"{where}: {path}.{key}: {component.name} has no such option; {did_you_mean(key, known)}")
    model = create_model(component.name.replace(":", "_"), __config__=ConfigDict(extra="forbid"), **known)
    try:
        model(**component.options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(part for part in map(str, first["loc"]) if not is_union_tag(part))
        where = source.place(f"{path}.{key}")
        raise RecipeError(f"{where}: {path}.{key}: {first['msg']} (got {first['input']!r})") from error


def component_options(cls: type) -> dict[str, Any]:
    """Return the options of a class: its parameters, less those the engine fills in, with type and default.

    Numbers of the toolkit's own classes have their ranges (`transfer.option_ranges`).

    Example:
        >>> from losses import CMD
        >>> {name: default for name, (_, default) in component_options(CMD).items()}
        {'moments': 5, 'width': 1.0}
    """
    filled_in = set(getattr(cls, "filled_in", ())) | {"in_channels", "in_features", "in_scales", "classes"}
    hints: dict[str, Any] = get_type_hints(cls.__init__)  # type: ignore[misc]
    if is_ours(cls):
        hints = {name: bounded(name, hint) for name, hint in hints.items()}
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.name not in filled_in]
    return {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
