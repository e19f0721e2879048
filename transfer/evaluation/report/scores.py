"""Every metric at every level, and by subgroup: what lies behind the one number that ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from transfer.evaluation.report.wording import metric_words, with_interval

__all__ = ["Group", "Scores", "score_rows", "subgroup_rows"]

LEVELS = ("slice", "recording", "subject")


class Scores(NamedTuple):
    """The metrics of a system at a level, each as (value, words)."""

    system: str
    level: str
    metrics: dict[str, tuple[float | None, str]]


class Group(NamedTuple):
    """A subgroup of one system: how many subjects, its score in words, and the gap of its attribute."""

    system: str
    attribute: str
    group: str
    subjects: int
    value: float
    words: str
    gap: str


def score_rows(result: Mapping[str, Any]) -> list[Scores]:
    """Return the metrics of every system at every level that it has.

    Example:
        >>> at_slices = {"uar": 0.7, "uar_ci": [0.6, 0.8], "auc": None, "auc_ci": None}
        >>> score_rows({"systems": [{"name": "ddg", "scores": {"slice": at_slices}}]})[0].metrics
        {'UAR': (0.7, '0.70 [0.60, 0.80]'), 'ROC-AUC': (None, '–')}
    """
    rows = []
    for system in result["systems"]:
        for level in LEVELS:
            scores = (system.get("scores") or {}).get(level) or {}
            metrics = {
                metric_words(name): (value, with_interval(value, scores.get(f"{name}_ci")))
                for name, value in scores.items()
                if not name.endswith("_ci")
            }
            if metrics:
                rows.append(Scores(str(system["name"]), level, metrics))
    return rows


def subgroup_rows(result: Mapping[str, Any]) -> tuple[list[Group], list[str]]:
    """Return the score of every subgroup, and who could not be scored and why.

    Args:
        result: what `comparison.json` holds; the metric that ranks is shown where subgroups have it, else UAR.

    Example:
        >>> sex = {"groups": {"f": {"uar": 0.7, "uar_ci": [0.6, 0.8], "subjects": 9}}, "not_scored": {"m": "2 subjects of 5"}}
        >>> rows, why = subgroup_rows({"metric": "uar", "systems": [{"name": "ddg", "subgroups": {"sex": {**sex, "gaps": {}}}}]})
        >>> rows[0].words, why
        ('0.70 [0.60, 0.80]', ['sex m: 2 subjects of 5'])
    """
    rows: list[Group] = []
    reasons: dict[str, None] = {}
    for system in result["systems"]:
        for attribute, found in (system.get("subgroups") or {}).items():
            rows += _groups(str(system["name"]), attribute, found, str(result["metric"]))
            reasons |= dict.fromkeys(
                f"{attribute} {name or 'not known'}: {why}" for name, why in found["not_scored"].items()
            )
    return rows, list(reasons)


def _groups(system: str, attribute: str, found: Mapping[str, Any], metric: str) -> Iterator[Group]:
    """Yield the groups of an attribute."""
    for name, scores in found["groups"].items():
        shown = metric if metric in scores else "uar"
        gap = found["gaps"].get(shown) or {}
        words = with_interval(gap.get("value"), gap.get("interval"))
        value = scores[shown]
        yield Group(
            system, attribute, name, scores["subjects"], value, with_interval(value, scores.get(f"{shown}_ci")), words
        )
