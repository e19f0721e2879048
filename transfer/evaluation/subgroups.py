"""Whether a model serves everybody the same: metrics by sex, age band and language, and the gap between groups.

A group is scored where it has enough subjects, and subjects of every class of the table: the UAR of a group without
patients is another measure. Others are told, with the reason. The gap is the highest value minus the lowest. Its
interval is that of a difference of two independent groups by the method of variance estimates recovery (Zou & Donner,
Statistics in Medicine 2008): with values a > b and their intervals over subjects (l_a, u_a) and (l_b, u_b)

    [a - b - sqrt((a - l_a)^2 + (u_b - b)^2),  a - b + sqrt((u_a - a)^2 + (b - l_b)^2)].

Of three and more groups the two farthest apart are picked after looking, so their intervals are widened to 1 - 0.05 /
(number of pairs), after Bonferroni.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from transfer.evaluation.aggregation import Level, Rule, decided_units, decision_level
from transfer.evaluation.bootstrap import units_interval
from transfer.evaluation.predictions import class_names
from transfer.evaluation.weighted import weighted_metric

__all__ = ["ATTRIBUTES", "age_band", "subgroup_scores", "subgroups_in_words"]

ATTRIBUTES = ("sex", "age", "language")
LEAST = 5
_OLDEST = 80


def age_band(years: float) -> str:
    """Return the band of ten years that an age lies in, one from 80 on; empty where the age is not known.

    Example:
        >>> age_band(34), age_band(93.5), age_band(float("nan"))
        ('30-39', '80+', '')
    """
    if not years >= 0:
        return ""
    start = int(years) // 10 * 10
    return f"{_OLDEST}+" if start >= _OLDEST else f"{start}-{start + 9}"


def subgroup_scores(
    table: pd.DataFrame,
    *,
    rule: Rule = "mean",
    positive: str | None = None,
    least: int = LEAST,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the groups of each attribute that a prediction table has, at the level that is decided about.

    Args:
        table: a valid prediction table of one part and corpus, with any of the columns `sex`, `age` (bands, or years,
            which are put into bands of ten) and `language`; an empty value is "not known".
        rule: how slices are put together.
        positive: the positive class of two.
        least: subjects that a group needs to be scored.
        draws: bootstrap draws of the intervals.
        seed: of the intervals.

    Returns:
        for each attribute with two groups or more: `level`; `groups`: name -> `n` (units), `subjects`, `uar` and, for
        two classes, `sensitivity` and `specificity`, each with its `_ci`; `not_scored`: name -> why not; `gaps`: metric
        -> `value, interval, highest, lowest`, where two groups are scored.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "recording": "r"}
        >>> people = [("ab"[i % 2], "mf"[i // 10], 0.8 if i % 2 == 0 or i < 10 else 0.2) for i in range(20)]
        >>> rows = [{"subject": f"s{i}", "truth": y, "sex": x, "p_a": p} for i, (y, x, p) in enumerate(people)]
        >>> table = pd.DataFrame(rows).assign(**row, p_b=lambda t: 1 - t["p_a"])
        >>> gap = subgroup_scores(table)["sex"]["gaps"]["uar"]
        >>> gap["value"], gap["highest"], gap["lowest"]
        (0.5, 'f', 'm')
    """
    level = decision_level(table)
    metrics = ("uar", "sensitivity", "specificity") if len(class_names(table)) == 2 else ("uar",)
    result: dict[str, Any] = {}
    for attribute in ATTRIBUTES:
        names = _names(table, attribute)
        if names[names != ""].nunique() < 2:
            continue
        units = {str(name): decided_units(rows, level, rule=rule)[0] for name, rows in table.groupby(names.to_numpy())}
        reasons = {name: _why_not(own, table, name, least) for name, own in units.items()}
        scored = {name: own for name, own in units.items() if not reasons[name]}
        score = _Scorer(level, positive, draws, seed)
        result[attribute] = {
            "level": level,
            "groups": {name: score.group(own, metrics) for name, own in scored.items()},
            "not_scored": {name or "not known": why for name, why in reasons.items() if why},
            "gaps": {metric: score.gap(scored, metric) for metric in metrics if len(scored) > 1},
        }
    return result


def subgroups_in_words(subgroups: Mapping[str, Any], metric: str = "uar") -> Iterator[str]:
    """Say the groups of each attribute with their subjects, and the gap, a line each.

    Args:
        subgroups: of `subgroup_scores`.
        metric: which metric.

    Example:
        >>> groups = {"female": {"uar": 0.75, "subjects": 9}, "male": {"uar": 0.5, "subjects": 8}}
        >>> sex = {"groups": groups, "not_scored": {"other": "1 subject of 5"}, "gaps": {"uar": {"value": 0.25}}}
        >>> print(*subgroups_in_words({"sex": sex}))
        sex: female 0.75 (9), male 0.50 (8); gap 0.25; not scored: other
    """
    for attribute, found in subgroups.items():
        groups = [f"{name} {one[metric]:.2f} ({one['subjects']})" for name, one in found["groups"].items()]
        words = [", ".join(groups)] if groups else []
        gap = found["gaps"].get(metric)
        if gap:
            ends = gap.get("interval")
            words.append(f"gap {gap['value']:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""))
        if found["not_scored"]:
            words.append("not scored: " + ", ".join(found["not_scored"]))
        yield f"{attribute}: {'; '.join(words)}"


class _Scorer:
    """Values and intervals of groups at one level."""

    def __init__(self, level: Level, positive: str | None, draws: int, seed: int) -> None:
        self.level, self.positive = level, positive
        self.draws, self.seed = draws, seed

    def group(self, units: pd.DataFrame, metrics: tuple[str, ...]) -> dict[str, Any]:
        """Return the scores of a group."""
        scores: dict[str, Any] = {"n": len(units), "subjects": _subjects(units)}
        for metric in metrics:
            scores[metric] = self.value(units, metric)
            scores[f"{metric}_ci"] = list(self.interval(units, metric, 0.95))
        return scores

    def gap(self, groups: Mapping[str, pd.DataFrame], metric: str) -> dict[str, Any]:
        """Return the gap of a metric between the two groups farthest apart."""
        values = {name: self.value(units, metric) for name, units in groups.items()}
        low, *_, high = sorted(values, key=values.__getitem__)
        pairs = len(groups) * (len(groups) - 1) // 2
        (l_a, u_a), (l_b, u_b) = (self.interval(groups[name], metric, 1 - 0.05 / pairs) for name in (high, low))
        a, b = values[high], values[low]
        ends = a - b - float(np.hypot(a - l_a, u_b - b)), a - b + float(np.hypot(u_a - a, b - l_b))
        return {"value": a - b, "interval": [max(-1.0, ends[0]), min(1.0, ends[1])], "highest": high, "lowest": low}

    def value(self, units: pd.DataFrame, metric: str) -> float:
        """Return a metric of units."""
        return float(weighted_metric(units, metric, positive=self.positive)(np.ones((1, _subjects(units))))[0])

    def interval(self, units: pd.DataFrame, metric: str, confidence: float) -> tuple[float, float]:
        """Return its interval over subjects."""
        options: dict[str, Any] = {"positive": self.positive, "draws": self.draws, "seed": self.seed}
        return units_interval(units, metric, level=self.level, confidence=confidence, **options)


def _names(table: pd.DataFrame, attribute: str) -> pd.Series:
    """Return the group of each row, empty where it is not known."""
    if attribute not in table:
        return pd.Series("", index=table.index)
    column = table[attribute]
    if attribute == "age" and pd.api.types.is_numeric_dtype(column):
        return column.map(age_band)
    return (
        column.astype(object).where(column.notna(), "").astype(str)
    )  # a column that nobody filled in is one of numbers


def _why_not(units: pd.DataFrame, table: pd.DataFrame, name: str, least: int) -> str:
    """Return why a group is not scored, empty where it is."""
    subjects = _subjects(units)
    if not name or subjects < least:
        return f"{subjects} subject{'s' * (subjects != 1)}" + (f" of {least}" if name else "")
    lacking = sorted(set(table["truth"]) - set(units["truth"]))
    return f"nobody is {', '.join(lacking)}" if lacking else ""


def _subjects(units: pd.DataFrame) -> int:
    """Return how many subjects units are of."""
    return int(units.groupby(["corpus", "subject"]).ngroups)
