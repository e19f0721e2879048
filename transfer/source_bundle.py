"""A source whose audio stays at home: `source: {bundle: FILE}` takes its weights and moments, and no clip of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transfer.errors import RecipeError, did_you_mean

__all__ = ["begin_with_bundle"]

FILLED = ("frontend", "extractor", "head")  # sections that are the bundle's where the recipe is silent


def begin_with_bundle(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe whose source is a bundle as one without source corpora that begins with the bundle's model.

    The bundle becomes `pretraining.checkpoint`; front end, extractor and head are the bundle's where the recipe names none;
    where no target label may be used, the target's head begins as the bundle's, and the target is standardised by its own
    unlabelled slices unless the recipe says otherwise.

    Args:
        tree: a recipe as it was written, overrides applied. Any other recipe is returned as it is.

    Raises:
        RecipeError: for a file that is no bundle or model, a second checkpoint, or more about the source.

    Example:
        >>> begin_with_bundle({"name": "a", "source": {"corpus": "casia"}})
        {'name': 'a', 'source': {'corpus': 'casia'}}
    """
    source = tree.get("source")
    if not isinstance(source, Mapping) or "bundle" not in source:
        return dict(tree)
    if others := [key for key in source if key != "bundle"]:
        raise RecipeError(
            f"source.{others[0]}: a source that is a bundle has one key; {did_you_mean(others[0], ['bundle'])}"
        )
    given = tree.get("pretraining") or {}
    if taken := [key for key in ("checkpoint", "epochs") if given.get(key)]:
        raise RecipeError(
            f"pretraining.{taken[0]}: the source is a bundle, which is what the run begins with; leave one of the two out"
        )
    from transfer.checkpoint import read_checkpoint  # imports torch

    checkpoint = read_checkpoint(str(source["bundle"]))
    theirs = checkpoint.record["recipe"]
    pretraining = {**given, "checkpoint": str(source["bundle"])}
    filled = {key: theirs[key] for key in FILLED if not tree.get(key)}
    if (tree.get("target") or {}).get("labelled_speakers") in ("none", 0, []):
        pretraining["head"] = pretraining.get("head") or _only_head(checkpoint.record["classes"], theirs)
        filled |= {} if "normalisation" in tree else {"normalisation": "corpus"}
    return {**tree, **filled, "source": [], "pretraining": pretraining}


def _only_head(classes: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Return the corpus whose head a bundle has; of several, none can be guessed."""
    names = list(classes) if recipe.get("heads") != "shared" else list(classes)[:1]
    if len(names) > 1:
        raise RecipeError(
            f"the bundle has heads for {', '.join(names)}; without target labels, say in pretraining.head which to begin with"
        )
    return names[0]
