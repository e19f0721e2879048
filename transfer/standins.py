"""`--synthetic`: write stand-ins of a recipe's corpora once, and point the recipe at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

from transfer.data.cache import cache_folder, key
from transfer.data.synthetic import VERSION, synthesize
from transfer.errors import RecipeError
from transfer.recipe import CorpusSection, Recipe, SyntheticSection

__all__ = ["with_standins"]


def with_standins(recipe: Recipe) -> Recipe:
    """Return the recipe with every corpus's root at a stand-in in the cache, written first where it is not there.

    Raises:
        RecipeError: where a corpus has no stand-in, or the generator takes no such option.
    """
    section = recipe.synthetic or SyntheticSection()
    sources = [c.model_copy(update={"root": str(_written(c, section.source))}) for c in recipe.source]
    target = recipe.target.model_copy(update={"root": str(_written(recipe.target, section.target))})
    return recipe.model_copy(update={"source": sources, "target": target})


def _written(corpus: CorpusSection, options: dict[str, Any]) -> Path:
    """Return the folder of a stand-in."""
    name = corpus.reader or corpus.corpus
    folder = (
        cache_folder("synthetic")
        / f"{name}-{key(json.dumps([name, options, VERSION], sort_keys=True))[:12]}"
        / corpus.corpus
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder.parent}.lock"):
        if not folder.is_dir():
            try:
                synthesize(name, folder, **options)
            except TypeError as error:
                raise RecipeError(f"synthetic: the generator of {name} was given {options}: {error}") from error
    return folder
