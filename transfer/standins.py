"""`--synthetic`: write stand-ins of a recipe's corpora once, point the recipe at them, and say what can be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from transfer.data.cache import cache_folder, key
from transfer.data.synthetic import VERSION, carried_over, order_of, synthesize
from transfer.errors import RecipeError
from transfer.recipe import CorpusSection, Recipe, SyntheticSection

__all__ = ["best_notes", "with_standins"]


def with_standins(recipe: Recipe) -> Recipe:
    """Return the recipe with every corpus's root at a stand-in in the cache, written first where it is not there.

    Raises:
        RecipeError: where a corpus has no stand-in, or the generator takes no such option.
    """
    section = recipe.synthetic or SyntheticSection()
    hop = _hop(recipe)
    sources = [c.model_copy(update={"root": str(_written(c, section.source, hop))}) for c in recipe.source]
    target = recipe.target.model_copy(update={"root": str(_written(recipe.target, section.target, hop))})
    return recipe.model_copy(update={"source": sources, "target": target})


def best_notes(records: Mapping[str, Mapping[str, Any]], target: str) -> list[str]:
    """Say the best scores that can be had on stand-ins, known from what generated them.

    Args:
        records: corpus name -> what its `synthetic.json` says.
        target: name of the target.

    Example:
        >>> best = {"classes": 7, "uar": 0.93, "uar_known_speaker": 0.99, "standard_error": 0.003}
        >>> print(*best_notes({"emovo": {"known_best": best}}, "emovo"))
        emovo: best UAR that can be had from one clip: 0.930 (of 7 classes; 0.990 where the speaker is known)
    """
    notes = []
    for name, record in records.items():
        if best := record.get("known_best"):  # stand-ins of earlier versions have none
            notes.append(
                f"{name}: best UAR that can be had from one clip: {best['uar']:.3f} (of {best['classes']} classes; "
                f"{best['uar_known_speaker']:.3f} where the speaker is known)"
            )
    orders = {name: order_of(record) for name, record in records.items() if "difficulty" in record}
    for name, order in orders.items():
        score = carried_over(order, orders[target]) if target in orders and name != target else None
        if score is not None:
            notes.append(
                f"{name} to {target}: best rule of {name}, not adapted: UAR {score['uar_unadapted']:.3f}; best in "
                f"{target}: {score['uar']:.3f} (of the {score['classes']} classes that both have)"
            )
    return notes


def _hop(recipe: Recipe) -> dict[str, int]:
    """Return how far the front end's frames lie apart, as the generator of labelled frames takes it."""
    from transfer.build import build_front_end  # imports every extractor

    framed = any(c.slices.version == "frames" for c in recipe.corpora)
    record = build_front_end(recipe).record() if framed else {}
    return {"hop": int(record["hop"])} if "hop" in record else {}


def _written(corpus: CorpusSection, options: dict[str, Any], hop: dict[str, int]) -> Path:
    """Return the folder of a stand-in."""
    name = corpus.reader or corpus.corpus
    if corpus.slices.version == "frames":
        name, options = "phonemes", {**hop, **options}
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
