"""Scores of subgroups as means over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from transfer.evaluation.aggregation import Rule
from transfer.evaluation.subgroups import subgroup_scores

__all__ = ["mean_subgroups"]

_METRICS = ("uar", "sensitivity", "specificity")


def mean_subgroups(
    tables: Sequence[tuple[pd.DataFrame, Rule]], *, positive: str | None = None, draws: int = 2000, seed: int = 0
) -> dict[str, Any] | None:
    """Return what `subgroups.subgroup_scores` says of each seed's table, as means over seeds.

    Ends of intervals are means too: the standard error of a mean is at most the mean of the standard errors, so that
    the interval is wide enough however alike the seeds are. Groups that a seed could not score are left out, and said.
    The gap is that of the mean values; of two groups it has an interval as in `subgroups`, of more none.

    Args:
        tables: of each seed, with the rule by which its slices are put together.
        positive: the positive class of two.
        draws: of the intervals.
        seed: of the draws.

    Returns:
        None where the tables know of no groups.

    Example:
        >>> row = {"corpus": "c", "part": "test", "slice": 0, "recording": "r", "p_a": 0.8, "p_b": 0.2}
        >>> rows = [{**row, "subject": f"s{i}", "truth": "ab"[i % 2], "sex": "mf"[i // 10]} for i in range(20)]
        >>> mean_subgroups([(pd.DataFrame(rows), "mean")] * 2)["sex"]["gaps"]["uar"]["value"]
        0.0
    """
    found = [subgroup_scores(table, rule=rule, positive=positive, draws=draws, seed=seed) for table, rule in tables]
    if len(found) == 1:
        return found[0] or None
    shared = [attribute for attribute in found[0] if all(attribute in one for one in found)]
    return {attribute: _mean([one[attribute] for one in found]) for attribute in shared} or None


def _mean(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of one attribute."""
    names = [name for name in found[0]["groups"] if all(name in one["groups"] for one in found)]
    groups = {name: _mean_group([one["groups"][name] for one in found]) for name in names}
    reasons = {name: why for one in found for name, why in one["not_scored"].items()}
    reasons |= {n: "not scored in every seed" for one in found for n in one["groups"] if n not in groups}
    metrics = [metric for metric in _METRICS if all(metric in group for group in groups.values())]
    gaps = {metric: _gap(groups, metric) for metric in metrics if len(groups) > 1}
    return {"level": found[0]["level"], "groups": groups, "not_scored": reasons, "gaps": gaps}


def _mean_group(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of one group; its subjects are those of the seed that tested most."""
    result: dict[str, Any] = {key: max(int(one[key]) for one in group) for key in ("n", "subjects")}
    for key in (key for key in group[0] if key not in result):
        mean = np.mean([one[key] for one in group], axis=0)
        result[key] = mean.tolist() if key.endswith("_ci") else float(mean)
    return result


def _gap(groups: Mapping[str, Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """Return the gap of a metric between the two groups farthest apart (Zou & Donner, Statistics in Medicine 2008)."""
    low, *_, high = sorted(groups, key=lambda name: groups[name][metric])
    a, b = groups[high][metric], groups[low][metric]
    result: dict[str, Any] = {"value": a - b, "interval": None, "highest": high, "lowest": low}
    if len(groups) == 2:
        (l_a, u_a), (l_b, u_b) = groups[high][f"{metric}_ci"], groups[low][f"{metric}_ci"]
        ends = a - b - float(np.hypot(a - l_a, u_b - b)), a - b + float(np.hypot(u_a - a, b - l_b))
        result["interval"] = [max(-1.0, ends[0]), min(1.0, ends[1])]
    return result
