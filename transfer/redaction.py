"""What may be recorded of a recipe, an override, a command or a message: no folder, no address, and no speaker unless allowed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer.data.cache import hash_id
from transfer.data.readers import corpus_root
from transfer.errors import UserError
from transfer.recipe import Recipe
from transfer.suite import Suite

__all__ = ["public_command", "public_overrides", "public_reason", "public_recipe", "public_suite"]

PRIVATE = ("root", "checkpoint", "weights", "file", "uri", "fold", "labelled_speakers", "forbid")
HIDDEN = "..."
_INSIDE = re.compile(rf"\b({'|'.join(PRIVATE)})\b['\"]?\s*:")


def public_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as it may be recorded: no folders or addresses, and speaker ids hashed unless allowed."""
    tree = recipe.model_dump(mode="json")
    for section in (*tree["source"], tree["target"]):
        section["root"] = None
    if tree["pretraining"]["checkpoint"]:
        tree["pretraining"]["checkpoint"] = "(a local file)"
    if isinstance(weights := tree["extractor"].get("weights"), str):
        tree["extractor"]["weights"] = Path(weights).name  # which release, not where it lies
    tree["tracking"]["uri"] = None  # it may hold a password
    if tree["split"]["file"]:
        tree["split"]["file"] = "(a local file)"  # split.hash says which
    if isinstance(tree["split"]["fold"], str) and not recipe.plain_ids:
        tree["split"]["fold"] = hash_id(f"{recipe.target.corpus}/speaker/{recipe.split.fold}")
    named = tree["target"]["labelled_speakers"]
    if isinstance(named, list) and not recipe.plain_ids:
        tree["target"]["labelled_speakers"] = [hash_id(f"{recipe.target.corpus}/speaker/{name}") for name in named]
    return tree


def public_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides with dots for what names folders, addresses or speakers; numbers name none.

    Example:
        >>> public_overrides({"target.root": "/ward/seven", "target.labelled_speakers": 2, "training.epochs": 3})
        {'target.root': '...', 'target.labelled_speakers': 2, 'training.epochs': 3}
    """
    return {key: HIDDEN if _names(key, value) else value for key, value in overrides.items()}


def public_suite(suite: Suite) -> dict[str, Any]:
    """Return a suite as it may be recorded; what lost its value has to be given again before it runs."""
    tree = suite.model_dump(mode="json")
    tree["overrides"] = public_overrides(tree["overrides"])
    for entry in tree["recipes"]:
        entry["overrides"] = public_overrides(entry["overrides"])
    return tree


def public_command(arguments: Sequence[str]) -> str:
    """Return a command line in which such overrides have lost their value.

    Example:
        >>> public_command(["transfer", "compare", "a.yaml", "target.root=/ward/seven", "--seeds", "3"])
        'transfer compare a.yaml target.root=... --seeds 3'
    """
    said = []
    for argument in arguments:
        key, mark, value = argument.partition("=")
        hidden = mark and not key.startswith("-") and _names(key, value)
        said.append(f"{key}={HIDDEN}" if hidden else shlex.quote(argument))
    return " ".join(said)


def public_reason(reason: str, recipe: Recipe) -> str:
    """Return why a trial failed, or that it was told elsewhere where the message names a file of a corpus."""
    for section in (*recipe.source, recipe.target):
        try:
            root = str(corpus_root(section.corpus, section.root))
        except UserError:  # of stand-ins there may be none
            root = section.root or ""
        if root and root in reason:
            return "the message names local files: it stands in failures/, and was printed"
    return reason


def _names(key: str, value: Any) -> bool:
    """Say whether an override may name a folder, an address or a speaker."""
    if key.rpartition(".")[2] in PRIVATE:
        return not (isinstance(value, (int, float)) or str(value).isdigit() or value in ("all", "none"))
    return bool(_INSIDE.search(str(value)))
