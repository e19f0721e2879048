"""Label spaces: from the words of a corpus to canonical classes, and the classes that corpora share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from transfer.data.corpus import some
from transfer.errors import UserError, did_you_mean

__all__ = ["CANONICAL", "RULES", "canonical_label", "map_labels"]

CANONICAL: dict[str, tuple[str, ...]] = {
    "anger": ("anger", "angry", "ang"),
    "boredom": ("boredom", "bored"),
    "calm": ("calm", "calmness"),
    "disgust": ("disgust", "disgusted", "dis"),
    "excitement": ("excitement", "excited", "exc"),
    "fear": ("fear", "fearful", "afraid", "fea"),
    "frustration": ("frustration", "frustrated", "fru"),
    "happiness": ("happiness", "happy", "joy", "hap"),
    "neutral": ("neutral", "neutrality", "neu"),
    "sadness": ("sadness", "sad"),
    "surprise": ("surprise", "surprised", "pleasant_surprise", "pleasant_surprised", "ps", "sur"),
    "depressed": ("depressed", "mdd"),
    "healthy": ("healthy", "hc"),
}
"""Canonical class -> the words that corpora use for it, in lower case."""

RULES = ("as_is", "canonical", "shared")

_CLASS_OF = {word: name for name, words in CANONICAL.items() for word in words}


def canonical_label(label: str) -> str | None:
    """Return the canonical class of a corpus's word, None where the registry has none.

    Args:
        label: the word, in any case.

    Example:
        >>> canonical_label("Happy"), canonical_label("joy"), canonical_label("gaiety")
        ('happiness', 'happiness', None)
    """
    return _CLASS_OF.get(label.strip().casefold().replace(" ", "_"))


def map_labels(tables: Mapping[str, pd.DataFrame], rule: str) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Bring the labels of several corpora to one rule, with a record of what that did.

    `as_is` keeps each corpus's own words; `canonical` translates them by the registry; `shared` keeps of the canonical
    classes those that all corpora have.

    Args:
        tables: corpus tables by corpus name.
        rule: 'as_is', 'canonical' or 'shared'.

    Returns:
        New tables (indexed 0, 1, 2 ...), and the coverage: `rule` and `corpora`, where each corpus has `kept` (class ->
        clips), `merged` (class -> the several words that became it) and `dropped` (word -> clips).

    Raises:
        UserError: if the rule is unknown, the registry lacks a word, or fewer than two classes are shared.

    Example:
        >>> words = {"a": ["happy", "sad", "calm"], "b": ["joy", "sad"]}
        >>> tables = {name: pd.DataFrame({"label": labels}) for name, labels in words.items()}
        >>> mapped, coverage = map_labels(tables, "shared")
        >>> mapped["a"]["label"].to_list(), coverage["corpora"]["a"]["dropped"]
        (['happiness', 'sadness'], {'calm': 1})
    """
    if rule not in RULES:
        raise UserError(f"unknown label rule {rule!r}: {did_you_mean(rule, RULES)}")
    classes = {name: _translate(name, table, rule) for name, table in tables.items()}
    wanted = _shared(classes) if rule == "shared" else set().union(*(set(found) for found in classes.values()))
    mapped, corpora = {}, {}
    for name, table in tables.items():
        keep = classes[name].isin(sorted(wanted))
        mapped[name] = table.assign(label=classes[name])[keep].reset_index(drop=True)
        corpora[name] = _coverage(table["label"], classes[name], keep)
    return mapped, {"rule": rule, "corpora": corpora}


def _translate(name: str, table: pd.DataFrame, rule: str) -> pd.Series:
    """Return the class of each clip."""
    words = table["label"]
    if rule == "as_is":
        return words
    known = {word: canonical_label(word) for word in words.unique()}
    strange = sorted(word for word, found in known.items() if found is None)
    if strange:
        raise UserError(
            f"corpus {name!r}: no canonical class for the label {some(map(repr, strange))}; "
            f"{did_you_mean(strange[0], _CLASS_OF)}. Rename it in a manifest, or use labels: as_is"
        )
    return words.map(known)


def _shared(classes: Mapping[str, pd.Series]) -> set[str]:
    """Return the classes that all corpora have."""
    found = {name: set(labels) for name, labels in classes.items()}
    shared = set.intersection(*found.values()) if found else set()
    if len(shared) < 2:
        have = "; ".join(f"{name}: {', '.join(sorted(labels))}" for name, labels in found.items())
        raise UserError(
            f"labels: shared needs at least 2 classes that all corpora have, found {len(shared)} ({have}); "
            "use labels: as_is"
        )
    return shared


def _coverage(words: pd.Series, classes: pd.Series, keep: pd.Series) -> dict[str, Any]:
    """Account for every clip of a corpus: kept under which class, merged from which words, or dropped."""
    origins = {str(name): sorted(set(words[keep & (classes == name)])) for name in sorted(set(classes[keep]))}
    return {
        "kept": {name: int((keep & (classes == name)).sum()) for name in origins},
        "merged": {name: found for name, found in origins.items() if len(found) > 1},
        "dropped": {str(word): int((~keep & (words == word)).sum()) for word in sorted(set(words[~keep]))},
    }
