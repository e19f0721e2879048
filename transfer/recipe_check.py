"""A tree of keys and values to a checked `Recipe`: each mistake in words, with the place where it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from transfer.errors import RecipeError, did_you_mean
from transfer.recipe import Recipe

__all__ = ["Source", "checked_recipe", "is_union_tag"]


@dataclass
class Source:
    """Where each key of a recipe was written: dotted path -> 'file:line'; and how many files were read for it."""

    places: dict[str, str] = field(default_factory=dict)
    files: int = 0

    def place(self, path: str) -> str:
        """Return where a path, or the nearest part of it that was written, stands.

        Example:
            >>> Source({"training": "a.yaml:3"}).place("training.epochs")
            'a.yaml:3'
        """
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return self.places.get("", "recipe")


def checked_recipe(tree: dict[str, Any], source: Source) -> Recipe:
    """Return the recipe of a tree, its components checked against the classes that they name.

    Args:
        tree: keys and values of all sections.
        source: where they were written.

    Raises:
        RecipeError: with the dotted path and the place of each mistake.

    Example:
        >>> checked_recipe({"name": "a", "strategy": {"name": "scratch"}, "target": {}}, Source({"": "mine"}))
        Traceback (most recent call last):
        ...
        transfer.errors.RecipeError: mine: target.corpus: missing; it must be given
    """
    recipe = _validate(tree, source)
    from transfer.options import check_components  # imports torch

    check_components(recipe, source)
    return recipe


def _validate(tree: dict[str, Any], source: Source) -> Recipe:
    """Check the tree against the schema."""
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError("\n".join(_explain(tree, problem, source) for problem in error.errors())) from error


def _explain(tree: dict[str, Any], problem: Any, source: Source) -> str:
    """Say in words what pydantic found."""
    *above, last = map(str, problem["loc"]) if problem["loc"] else [""]
    if problem["type"] != "extra_forbidden" and is_union_tag(last):
        last = ""
    names = [part for part in (*(part for part in above if not is_union_tag(part)), last) if part]
    if names[:2] == ["source", "0"] and isinstance(tree.get("source"), dict):
        names.pop(1)
    path = ".".join(names)
    if problem["type"] == "extra_forbidden":
        return f"{source.place(path)}: {path}: unknown key; {did_you_mean(last, _fields(names[:-1]))}"
    if problem["type"] == "missing":
        return f"{source.place(path)}: {path}: missing; it must be given"
    return f"{source.place(path)}: {path}: {problem['msg']} (got {problem['input']!r})"


def is_union_tag(part: str) -> bool:
    """Tell whether a part of an error's location names a member of a union, not a key.

    Example:
        >>> is_union_tag("float"), is_union_tag("epochs")
        (True, False)
    """
    return "[" in part or part in {"constrained-int", "constrained-float", "int", "str", "float", "list"}


def _fields(names: Sequence[str]) -> list[str]:
    """Return the keys of the section at a path."""
    section: Any = Recipe
    for name in names:
        if name.isdigit():
            continue
        annotation = section.model_fields[name].annotation
        found = [
            a
            for a in (annotation, *getattr(annotation, "__args__", ()))
            if isinstance(a, type) and issubclass(a, BaseModel)
        ]
        if not found:
            return []
        section = found[0]
    return list(section.model_fields)
