"""A comparison of systems from the predictions and summaries of their runs alone: scores, gains, pairs, verdicts.

Everything pairs: the interval of a difference draws the same subjects in both systems and in all seeds, the tests swap
or compare what both said about the same subject, on the seeds, folds and recordings that both tested. What a system
lacks is named in the warnings.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from transfer.evaluation.aggregation import Level
from transfer.evaluation.compared import Compared, assemble
from transfer.evaluation.critical_difference import critical_difference
from transfer.evaluation.finished_run import FinishedRun
from transfer.evaluation.marks import DISHONEST, marks_of, unequal_budgets
from transfer.evaluation.paired_difference import PairedDifference, paired_difference
from transfer.evaluation.paired_tests import holm
from transfer.evaluation.subgroup_means import mean_subgroups
from transfer.evaluation.system_scores import decisions, number, pair_of_numbers, protocol, score, scores_by_level
from transfer.evaluation.verdicts import gain_sentence, negative_warning, verdict_of

__all__ = ["FinishedRun", "compare_runs"]

_SYSTEMS, _BLOCKS = 3, 5  # least number for a critical difference

Row = dict[str, Any]


def compare_runs(
    runs: Sequence[FinishedRun],
    *,
    metric: str = "uar",
    level: Level | None = None,
    baseline: str | None = "scratch",
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare systems by their predictions of the test part.

    The metric is computed on all that the folds of a seed tested together, and averaged over seeds. Honest systems are
    ranked by it; a leaking or oracle-selected one has rank None and stands behind them.

    Args:
        runs: finished runs of all systems; one may lack runs that others have.
        metric: uar, accuracy, macro_f1; for two classes also sensitivity, specificity, auc, pr_auc.
        level: slice, recording or subject; by default subject where each subject has one true class, else recording.
        baseline: the system that gains are measured against; where it is not among the runs there are no gains.
        alpha: 1 - confidence of all intervals, and the chance of a false find of the critical difference.
        draws: of the bootstrap; permutation tests take five times as many.
        seed: of all draws.

    Returns:
        what `comparison.json` holds (docs/statistics.md); JSON takes it as it is. `p_holm` of a gain is corrected for the
        number of gains, that of a pair for the number of pairs.

    Raises:
        UserError: no runs, a run that is there twice, tables that cannot be compared, or a metric that does not fit.

    Example:
        >>> import pandas as pd
        >>> names = [f"s{i}" for i in range(20)]
        >>> table = pd.DataFrame({"corpus": "c", "part": "test", "slice": 0, "recording": "r", "subject": names})
        >>> right = table.assign(truth=["a", "b"] * 10, p_a=[0.9, 0.1] * 10, p_b=[0.1, 0.9] * 10)
        >>> runs = [FinishedRun("ddg", 0, None, "system", {}, right)]
        >>> runs += [FinishedRun("scratch", 0, None, "control", {}, right.assign(p_a=0.9, p_b=0.1))]
        >>> print(compare_runs(runs)["systems"][0]["sentence"])
        ddg gains +0.50 [+0.07, +0.80] over scratch (p = 0.002 after Holm; 20 subjects, 1 seed): positive.
    """
    compared = assemble(runs, metric=metric, level=level)
    found = _Statistics(compared, alpha, draws, seed)
    warnings = list(compared.warnings)
    if baseline not in compared.runs:
        warnings += [] if baseline is None else [f"no {baseline} among the systems: there are no gains"]
        baseline = None
    unequal = unequal_budgets(runs, baseline)
    warnings += [f"unequal budget: {name} {difference}" for name, difference in unequal.items()]
    rows = _ranked([_row(name, found, unequal=name in unequal) for name in compared.runs])
    names = [row["name"] for row in rows]
    if baseline is not None:
        warnings += _add_gains(rows, baseline, found)
    return {
        "metric": metric,
        "level": compared.scoring.level,
        "baseline": baseline,
        "alpha": alpha,
        "chance": compared.chance,
        "subjects": compared.subjects,
        "systems": rows,
        "pairs": _pairs(names, found),
        "critical_difference": _critical_difference([row["name"] for row in rows if _honest(row)], compared, alpha),
        "warnings": warnings,
        "failures": [],
    }


@dataclass(frozen=True)
class _Statistics:
    """The options of all intervals, and the differences of pairs, each computed once."""

    compared: Compared
    alpha: float
    draws: int
    seed: int
    known: dict[tuple[str, str], PairedDifference | None] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """What every interval is given."""
        return {"confidence": 1 - self.alpha, "draws": self.draws, "seed": self.seed}

    def difference(self, a: str, b: str) -> PairedDifference | None:
        """Return a - b; None where they share nothing."""
        if (b, a) in self.known:
            mirrored = self.known[b, a]
            return None if mirrored is None else mirrored.reversed()
        if (a, b) not in self.known:
            c = self.compared
            share = c.test_share(a, b)
            self.known[a, b] = paired_difference(c.pools[a], c.pools[b], c.scoring, test_share=share, **self.options)
        return self.known[a, b]


def _row(name: str, found: _Statistics, *, unequal: bool) -> Row:
    """Return what is said of a system, without its rank and gain."""
    compared = found.compared
    runs, pool = compared.runs[name], compared.pools[name]
    value, interval = score(pool, compared.scoring, **found.options)
    seeds = [units.value(compared.scoring) for units in pool.by_seed(compared.scoring).values()]
    return {
        "name": name,
        "strategy": runs[0].summary.get("strategy", name),
        "role": runs[0].role,
        "rank": None,
        "marks": marks_of(runs, unequal=unequal),
        "runs": len(runs),
        "seeds": sorted({run.seed for run in runs}),
        "folds": sorted({run.fold for run in runs if run.fold is not None}),
        "score": number(value),
        "interval": pair_of_numbers(interval),
        "seed_std": number(float(np.std(seeds, ddof=1))) if len(seeds) > 1 else None,
        "scores": scores_by_level(pool, compared.scoring, compared.classes, **found.options),
        **decisions(pool, compared.scoring),
        "subgroups": mean_subgroups(pool.seed_tables(), positive=compared.scoring.positive, **_drawn(found)),
        "gain": None,
        "sentence": "",
        **protocol(runs),
    }


def _drawn(found: _Statistics) -> dict[str, int]:
    """Return how subgroups are drawn; their confidence is always 95%, as in a run."""
    return {"draws": found.draws, "seed": found.seed}


def _honest(row: Row) -> bool:
    """Say whether a row may be ranked."""
    return not set(row["marks"]) & set(DISHONEST)


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Return the honest rows by falling score with their rank, equals sharing it, then the others."""

    def place(row: Row) -> tuple[bool, float, str]:
        return not _honest(row), -math.inf if row["score"] is None else -row["score"], row["name"]

    rows = sorted(rows, key=place)
    scores = [row["score"] for row in rows if _honest(row) and row["score"] is not None]
    for row in rows:
        if _honest(row) and row["score"] is not None:
            row["rank"] = 1 + sum(other > row["score"] + 1e-12 for other in scores)
    return rows


def _add_gains(rows: Sequence[Row], baseline: str, found: _Statistics) -> list[str]:
    """Give each row but the baseline its gain and its sentence; return warnings of what went wrong."""
    warnings = []
    against = next(row for row in rows if row["name"] == baseline)
    if not _honest(against):
        warnings.append(f"gains are measured against {baseline}, which is {' and '.join(against['marks'])}")
    gains = {row["name"]: found.difference(row["name"], baseline) for row in rows if row is not against}
    there = {name: gain for name, gain in gains.items() if gain is not None}
    corrected = dict(zip(there, holm([gain.p_permutation for gain in there.values()]), strict=True))
    for row in rows:
        gain = there.get(row["name"])
        if gain is None:
            row["sentence"] = _ungained(row, baseline)
            continue
        interval = pair_of_numbers(gain.interval)
        row["gain"] = {
            "value": number(gain.value),
            "interval": interval,
            "p": number(gain.p_permutation),
            "p_holm": number(corrected[row["name"]]),
            "effect": number(gain.effect),
            "verdict": verdict_of(interval),
            "subjects": gain.subjects,
            "seeds": list(gain.seeds),
        }
        counts = {"subjects": gain.subjects, "seeds": len(gain.seeds)}
        row["sentence"] = gain_sentence(
            row["name"], baseline, row["gain"], **counts, marks=row["marks"], alpha=found.alpha
        )
        warnings += _gain_warnings(row, baseline, gain)
    return warnings


def _ungained(row: Row, baseline: str) -> str:
    """Say why a row has no gain."""
    if row["name"] == baseline:
        return f"{baseline} is the baseline: gains are measured against it."
    return f"{row['name']} and {baseline} tested nothing in common: there is no gain."


def _gain_warnings(row: Row, baseline: str, gain: PairedDifference) -> list[str]:
    """Warn of a transfer that made things worse, and of seeds that contradict a verdict."""
    warnings = []
    verdict = row["gain"]["verdict"]
    if verdict == "negative" and row["role"] == "system":
        warnings.append(negative_warning(row["name"], baseline, row["gain"]))
    sign = {"positive": 1, "negative": -1}.get(verdict, 0)
    if any(sign * d < 0 for d in gain.by_seed):
        each = ", ".join(f"{d:+.2f}" for d in gain.by_seed)
        warnings.append(f"the seeds of {row['name']} disagree on its gain over {baseline} ({each}): run more seeds")
    return warnings


def _pairs(names: Sequence[str], found: _Statistics) -> list[Row]:
    """Return the differences of all pairs, the one listed first minus the other."""
    pairs = [(a, b, found.difference(a, b)) for a, b in itertools.combinations(names, 2)]
    there = [(a, b, difference) for a, b, difference in pairs if difference is not None]
    corrected = holm([difference.p_permutation for _, _, difference in there])
    return [
        {
            "a": a,
            "b": b,
            "difference": number(difference.value),
            "interval": pair_of_numbers(difference.interval),
            "p_permutation": number(difference.p_permutation),
            "p_ttest": number(difference.p_ttest),
            "p_wilcoxon": number(difference.p_wilcoxon),
            "p_holm": number(p),
            "effect": number(difference.effect),
            "n_pairs": difference.subjects,
        }
        for (a, b, difference), p in zip(there, corrected, strict=True)
    ]


def _critical_difference(names: Sequence[str], compared: Compared, alpha: float) -> dict[str, Any] | None:
    """Rank the honest systems in every seed and fold that all of them tested alike; None where these are few."""
    if len(names) < _SYSTEMS:
        return None
    pools = [compared.pools[name] for name in names]
    cells = [
        cell
        for cell in pools[0].tables
        if all(cell in pool.tables and pool.keys(cell).equals(pools[0].keys(cell)) for pool in pools)
    ]
    scores = {
        name: [pool.units(cell, compared.scoring).value(compared.scoring) for cell in cells]
        for name, pool in zip(names, pools, strict=True)
    }
    if len(cells) < _BLOCKS or not all(np.isfinite(values).all() for values in scores.values()):
        return None
    return critical_difference(scores, alpha=alpha)
