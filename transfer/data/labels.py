"""Label spaces: from the words of a corpus to canonical classes, to what they share, to valence and to quadrants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from transfer.data.corpus import some
from transfer.errors import UserError, did_you_mean

__all__ = ["CANONICAL", "QUADRANTS", "RULES", "VALENCE", "canonical_label", "coverage_lines", "map_labels"]

CANONICAL: dict[str, tuple[str, ...]] = {
    "aggression": ("aggression", "aggressive"),
    "anger": ("anger", "angry", "ang"),
    "boredom": ("boredom", "bored"),
    "calm": ("calm", "calmness"),
    "disgust": ("disgust", "disgusted", "dis"),
    "excitement": ("excitement", "excited", "exc"),
    "fear": ("fear", "fearful", "afraid", "fea"),
    "frustration": ("frustration", "frustrated", "fru"),
    "happiness": ("happiness", "happy", "joy", "hap", "cheerful"),
    "intoxication": ("intoxication", "intoxicated"),
    "nervousness": ("nervousness", "nervous"),
    "neutral": ("neutral", "neutrality", "neu"),
    "sadness": ("sadness", "sad"),
    "surprise": ("surprise", "surprised", "pleasant_surprise", "pleasant_surprised", "ps", "sur"),
    "tiredness": ("tiredness", "tired"),
    "depressed": ("depressed", "mdd"),
    "healthy": ("healthy", "hc", "not_depressed", "control"),
}
"""Canonical class -> the words that corpora use for it, in lower case."""

VALENCE: dict[str, tuple[str, ...]] = {
    "positive": ("calm", "excitement", "happiness"),
    "neutral": ("neutral",),
    "negative": ("aggression", "anger", "boredom", "disgust", "fear", "frustration", "nervousness", "sadness"),
}
"""Valence -> canonical emotions that have it (Russell, Journal of Personality and Social Psychology, 1980)."""

QUADRANTS: dict[str, tuple[str, ...]] = {
    "positive_active": ("excitement", "happiness"),
    "positive_passive": ("calm",),
    "negative_active": ("aggression", "anger", "fear", "frustration", "nervousness"),
    "negative_passive": ("boredom", "sadness"),
}
"""Quadrant of valence and arousal -> canonical emotions that lie in it (Russell 1980)."""

AMBIGUOUS: dict[str, dict[str, str]] = {
    "valence": {
        "surprise": "a surprise is pleasant or unpleasant",
        "intoxication": "its valence is not settled",
        "tiredness": "its valence is not settled",
    },
    "quadrants": {
        "surprise": "a surprise is pleasant or unpleasant",
        "disgust": "its arousal is not settled",
        "intoxication": "neither valence nor arousal is settled",
        "tiredness": "its valence is not settled",
    },
}
"""Rule -> canonical emotions that it could place in more than one class, and why."""

SPACES = {"valence": VALENCE, "quadrants": QUADRANTS}
RULES = ("as_is", "canonical", "shared", "valence", "quadrants")

_CLASS_OF = {word: name for name, words in CANONICAL.items() for word in words}


def canonical_label(label: str) -> str | None:
    """Return the canonical class of a corpus's word, None where the registry has none.

    Args:
        label: the word, in any case.

    Example:
        >>> canonical_label("Happy"), canonical_label("joy"), canonical_label("gaiety")
        ('happiness', 'happiness', None)
    """
    return _CLASS_OF.get(_word(label))


def map_labels(tables: Mapping[str, pd.DataFrame], rule: str) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Bring the labels of several corpora to one rule, with a record of what that did.

    `as_is` keeps each corpus's own words; `canonical` translates them by the registry; `shared` keeps of the canonical
    classes those that all corpora have; `valence` maps them to positive, neutral and negative, and `quadrants` to the
    four quadrants of valence and arousal, whose origin (neutral) is left out.

    Args:
        tables: corpus tables by corpus name.
        rule: 'as_is', 'canonical', 'shared', 'valence' or 'quadrants'.

    Returns:
        New tables (indexed 0, 1, 2 ...), and the coverage: `rule` and `corpora`, where each corpus has `kept` (class ->
        clips), `merged` (class -> the several words that became it) and `dropped` (word -> clips).

    Raises:
        UserError: if the rule is unknown, the registry lacks a word, a word could be two classes, fewer than two
            classes are shared, or a corpus is left with fewer than two.

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
    wanted = _shared(classes) if rule == "shared" else set().union(*(set(found) for found in classes.values())) - {""}
    mapped, corpora = {}, {}
    for name, table in tables.items():
        keep = classes[name].isin(sorted(wanted))
        mapped[name] = table.assign(label=classes[name])[keep].reset_index(drop=True)
        corpora[name] = _coverage(table["label"], classes[name], keep)
        if rule in SPACES and len(corpora[name]["kept"]) < 2:
            raise UserError(
                f"labels: {rule} leaves corpus {name!r} {some(corpora[name]['kept']) or 'no class'} of "
                f"{some(corpora[name]['dropped'] or set(table['label']))}; expected at least 2 classes; use labels: as_is"
            )
    return mapped, {"rule": rule, "corpora": corpora}


def coverage_lines(coverage: Mapping[str, Any]) -> list[str]:
    """Say in a line a corpus what a label rule merged and dropped; nothing of corpora that it left as they are.

    Args:
        coverage: what `map_labels` gave.

    Example:
        >>> kept = {"kept": {"happiness": 4}, "merged": {}, "dropped": {"calm": 2}}
        >>> coverage_lines({"rule": "shared", "corpora": {"a": kept}})
        ['labels: shared: a keeps happiness 4; drops calm 2']
    """
    lines = []
    for name, found in coverage["corpora"].items():
        says = [f"keeps {some((f'{k} {n}' for k, n in found['kept'].items()), most=99)}"]
        if found["merged"]:
            says.append(
                "merges " + some((f"{' + '.join(words)} -> {k}" for k, words in found["merged"].items()), most=99)
            )
        if found["dropped"]:
            says.append("drops " + some((f"{word} {n}" for word, n in found["dropped"].items()), most=99))
        if len(says) > 1:
            lines.append(f"labels: {coverage['rule']}: {name} {'; '.join(says)}")
    for name, found in coverage.get("relabelled", {}).items():
        named = some((f"{k} -> {v}" for k, v in found["as"].items()), most=99)
        left = some((f"{word} {n}" for word, n in found["left_out"].items()), most=99)
        lines.append(f"relabel: {name}: {named}" + (f"; leaves out {left}" if left else ""))
    return lines


def _word(label: str) -> str:
    """Return a label as the registry spells it."""
    return label.strip().casefold().replace(" ", "_")


def _translate(name: str, table: pd.DataFrame, rule: str) -> pd.Series:
    """Return the class of each clip, '' where the rule has none for it."""
    words = table["label"]
    if rule == "as_is":
        return words
    placed = {word: _word(word) for word in words.unique() if _word(word) in SPACES.get(rule, ())}
    known = {word: canonical_label(word) for word in words.unique() if word not in placed}
    strange = sorted(word for word, found in known.items() if found is None)
    if strange:
        raise UserError(
            f"corpus {name!r}: no canonical class for the label {some(map(repr, strange))}; "
            f"{did_you_mean(strange[0], _CLASS_OF)}. Rename it by `relabel` or in a manifest, or use labels: as_is"
        )
    if rule in SPACES:
        _refuse_ambiguous(name, rule, {word: str(found) for word, found in (known | placed).items()})
        class_of = {emotion: place for place, emotions in SPACES[rule].items() for emotion in emotions}
        known = {word: class_of.get(str(found), "") for word, found in known.items()}
    return words.map(known | placed)


def _refuse_ambiguous(name: str, rule: str, known: Mapping[str, str]) -> None:
    """Raise if the rule could place a word in more than one class."""
    unsettled = {word: AMBIGUOUS[rule][found] for word, found in known.items() if found in AMBIGUOUS[rule]}
    if unsettled:
        word, why = next(iter(sorted(unsettled.items())))
        kept = ", ".join(f"{other}: {other}" for other in sorted(set(known) - set(unsettled)))
        raise UserError(
            f"labels: {rule}: corpus {name!r} has the label {word!r}, which is ambiguous: {why}. Leave it out by "
            f"relabel: {{{kept}}}, or place it by adding {word}: {' or '.join(SPACES[rule])}"
        )


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
