"""The names that recipes may use, each with a line about it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["inventory"]


def inventory(kinds: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return kind -> name -> first sentence about it.

    Args:
        kinds: strategies, extractors, heads, losses, corpora, frontends, augmentations, validators, recipes.

    Example:
        >>> inventory(["strategies"])["strategies"]["scratch"]
        'Extractor and head are trained on the target alone.'
    """
    return {kind: dict(_SOURCES.get(kind, _classes(kind))()) for kind in kinds}


def _classes(kind: str) -> Callable[[], Mapping[str, str]]:
    """Return a function that lists a table of classes."""

    def entries() -> Mapping[str, str]:
        from transfer.build import registries

        return {name: _first_sentence(cls) for name, cls in registries()[kind].items()}

    return entries


def _corpora() -> Mapping[str, str]:
    """List the corpora that have a reader."""
    from transfer.data.readers import about_readers

    return about_readers()


def _validators() -> Mapping[str, str]:
    """List the selection criteria without target labels."""
    from transfer.evaluation.validators import CRITERIA

    return {name: _first_sentence(criterion.function) for name, criterion in CRITERIA.items()}


def _recipes() -> Mapping[str, str]:
    """List the recipes that ship with the toolkit."""
    import yaml

    from transfer.loading import list_recipes, recipe_folder

    folder = recipe_folder()
    trees = {
        p.relative_to(folder).with_suffix("").as_posix(): yaml.safe_load(p.read_text(encoding="utf-8"))
        for p in list_recipes(folder)
    }
    return {name: str(tree.get("description", "")) for name, tree in trees.items()}


def _first_sentence(cls: Any) -> str:
    """Return the first sentence of a class's documentation."""
    first = (inspect.getdoc(cls) or "").split("\n")[0]
    return re.sub(r":\w+:`(\w+)`", r"\1", first).replace("; see ", ": ")


_SOURCES: dict[str, Callable[[], Mapping[str, str]]] = {
    "corpora": _corpora,
    "validators": _validators,
    "recipes": _recipes,
}
