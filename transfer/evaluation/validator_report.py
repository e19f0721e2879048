"""How well each criterion chooses among the checkpoints of a run, judged by their true target scores.

Pure functions of a table: one row an epoch, one column a criterion (higher is better), and the true score. The true
score looks at test labels: what is computed here says how good a criterion was, and is not a result of any run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text
from scipy.stats import kendalltau, spearmanr

__all__ = ["judge", "report_table", "summarise_judgements"]

FIGURES = ("regret", "spearman", "kendall")


def judge(scores: pd.DataFrame, truth: Sequence[float]) -> dict[str, dict[str, float]]:
    """Return for each criterion what its choice among the epochs of one run is worth.

    - `epoch`: the epoch that it picks (from 1), the first of equals, as a run does.
    - `picked`: the true score of that epoch; `regret`: the best true score of any epoch minus it.
    - `spearman`, `kendall` (tau-b): rank correlation of criterion and true score; NaN where either never changes.

    Args:
        scores: one row an epoch, one column a criterion; NaN where it could not be computed.
        truth: the true target score of each epoch.

    Raises:
        ValueError: where the lengths differ or there is no epoch.

    Example:
        >>> judged = judge(pd.DataFrame({"snd": [0.1, 0.3, 0.2]}), [0.5, 0.6, 0.7])["snd"]
        >>> judged["epoch"], round(judged["regret"], 2), round(judged["spearman"], 2)
        (2, 0.1, 0.5)
    """
    true = np.asarray(truth, dtype=np.float64)
    if not len(true) or len(scores) != len(true):
        raise ValueError(f"{len(scores)} rows of scores and {len(true)} true scores; expected as many, one or more")
    return {str(name): _judged(column.to_numpy(np.float64), true) for name, column in scores.items()}


def summarise_judgements(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """Return for each criterion the mean and range of its figures over runs, lowest mean regret first.

    Args:
        runs: what `judge` gave for each run; a criterion may be missing from some.

    Example:
        >>> runs = [{"im": {"regret": 0.0, "spearman": 1.0, "kendall": 1.0}}, {"im": {"regret": 0.2, "spearman": 0.0, "kendall": 0.0}}]
        >>> summarise_judgements(runs)["im"]["regret"]
        {'mean': 0.1, 'min': 0.0, 'max': 0.2}
    """
    names = dict.fromkeys(name for run in runs for name in run)
    found: dict[str, dict[str, Any]] = {
        name: {
            "runs": sum(name in run for run in runs),
            **{figure: _spread([run[name][figure] for run in runs if name in run]) for figure in FIGURES},
        }
        for name in names
    }
    return dict(sorted(found.items(), key=lambda item: item[1]["regret"]["mean"]))


def report_table(criteria: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the readable table: one row a criterion, mean [range] of its figures over the runs.

    Args:
        criteria: what `summarise_judgements` gave; a criterion that not every run has says in how many it is.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("criterion", "regret", "Spearman", "Kendall"):
        table.add_column(name, justify="left" if name == "criterion" else "right", no_wrap=True)
    most = max((values["runs"] for values in criteria.values()), default=0)
    for name, values in criteria.items():
        some = f" ({values['runs']} of {most})" if values["runs"] < most else ""
        cells = [_words(values["regret"], 3), _words(values["spearman"], 2), _words(values["kendall"], 2).split(" ")[0]]
        table.add_row(Text(name + some), *map(Text, cells))
    return table


def _judged(score: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return the figures of one criterion."""
    known = np.isfinite(score)
    if not known.any():
        return dict.fromkeys(("epoch", "picked", *FIGURES), math.nan)
    pick = int(np.where(known, score, -np.inf).argmax())
    return {
        "epoch": pick + 1,
        "picked": float(true[pick]),
        "regret": float(true.max() - true[pick]),
        "spearman": _correlation(spearmanr, score[known], true[known]),
        "kendall": _correlation(kendalltau, score[known], true[known]),
    }


def _correlation(measure: Any, first: np.ndarray, second: np.ndarray) -> float:
    """Return a rank correlation, NaN where one side never changes."""
    if min(np.ptp(first), np.ptp(second)) == 0:
        return math.nan
    return float(measure(first, second).statistic)


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean, least and largest of the values that are numbers."""
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return dict.fromkeys(("mean", "min", "max"), math.nan)
    return {"mean": sum(known) / len(known), "min": min(known), "max": max(known)}


def _words(spread: Mapping[str, float], digits: int) -> str:
    """Return mean [range]."""
    if math.isnan(spread["mean"]):
        return "-"
    return f"{spread['mean']:.{digits}f} [{spread['min']:.2f}, {spread['max']:.2f}]"
