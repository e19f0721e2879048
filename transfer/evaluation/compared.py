"""What a comparison stands on: runs grouped by system, tables that fit together, and what each system lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from transfer.errors import UserError, did_you_mean
from transfer.evaluation.aggregation import Level
from transfer.evaluation.finished_run import Cell, FinishedRun
from transfer.evaluation.pooling import Pool, Scoring
from transfer.evaluation.predictions import class_names
from transfer.evaluation.weighted import METRICS, count_metric

__all__ = ["Compared", "assemble"]

_MORE_IS_BETTER = tuple(name for name in METRICS if name != "brier")


@dataclass(frozen=True)
class Compared:
    """Runs and predictions of each system, and how they are scored.

    Args:
        runs: system -> its runs.
        pools: system -> its test predictions.
        scoring: metric and level.
        classes: of the target.
        chance: UAR of guessing.
        subjects: how many were tested by any.
        warnings: what a system lacks that others have.
    """

    runs: Mapping[str, Sequence[FinishedRun]]
    pools: Mapping[str, Pool]
    scoring: Scoring
    classes: Sequence[str]
    chance: float
    subjects: int
    warnings: Sequence[str]

    def test_share(self, *names: str) -> float | None:
        """Return n_test / n_train of the target, in slices, as a mean over runs; None where training heard none."""
        shares = [_test_share(run.summary) for name in names for run in self.runs[name]]
        there = [share for share in shares if share]
        return sum(there) / len(there) if there else None


def assemble(runs: Sequence[FinishedRun], *, metric: str, level: Level | None) -> Compared:
    """Group runs by system, and check that they can be compared.

    Args:
        runs: finished runs of all systems.
        metric: of which more is better.
        level: slice, recording or subject; by default subject where each subject has one true class, else recording.

    Raises:
        UserError: no runs, a run that is there twice, tables of several corpora or classes, a metric that does not fit.
    """
    if not runs:
        raise UserError("there are no finished runs to compare; run some recipes first")
    if level not in (None, "slice", "recording", "subject"):
        raise UserError(f"no level {level!r}; {did_you_mean(str(level), ['slice', 'recording', 'subject'])}")
    tables: dict[str, dict[Cell, pd.DataFrame]] = {}
    by_system: dict[str, list[FinishedRun]] = {}
    for run in runs:
        cells = tables.setdefault(run.system, {})
        if run.cell in cells:
            raise UserError(f"two runs of {run.label}; each system has one run a seed and fold")
        cells[run.cell] = run.test_table()
        by_system.setdefault(run.system, []).append(run)
    every = [table for cells in tables.values() for table in cells.values()]
    classes = _same_classes(runs, every)
    _check_metric(metric, classes)
    truths = pd.concat([table[["corpus", "subject", "truth"]].drop_duplicates() for table in every]).drop_duplicates()
    single = not truths.duplicated(["corpus", "subject"]).any()
    positive = next((run.positive for run in runs if run.positive), None)
    pools = {
        name: Pool(dict(sorted(cells.items())), {run.cell: run.rule for run in by_system[name]})
        for name, cells in tables.items()
    }
    return Compared(
        runs=by_system,
        pools=pools,
        scoring=Scoring(metric, level or ("subject" if single else "recording"), single, positive),
        classes=classes,
        chance=1 / truths["truth"].nunique(),
        subjects=truths["subject"].nunique(),
        warnings=_lacking(pools),
    )


def _same_classes(runs: Sequence[FinishedRun], tables: Sequence[pd.DataFrame]) -> list[str]:
    """Return the classes that all tables have, or refuse tables of different corpora or classes."""
    seen = _target(runs[0])
    for run in runs[1:]:
        found = _target(run)
        if found != seen:
            raise UserError(
                f"{run.label} was tested on {found}, {runs[0].label} on {seen}; compare runs of one of them"
            )
    return class_names(tables[0])


def _target(run: FinishedRun) -> str:
    """Return the corpus and classes that a run was tested on, in words."""
    table = run.predictions[run.predictions["part"] == "test"]
    corpora = sorted(table["corpus"].unique())
    if len(corpora) > 1:
        raise UserError(f"{run.label}: the test part mixes the corpora {corpora}; compare one target at a time")
    return f"{corpora[0]} with the classes {', '.join(class_names(table))}"


def _check_metric(metric: str, classes: list[str]) -> None:
    """Refuse a metric that is unknown, that does not fit the classes, or of which less is better."""
    count_metric(metric, classes)
    if metric not in _MORE_IS_BETTER:
        raise UserError(f"{metric} is better the smaller it is; compare by one of {', '.join(_MORE_IS_BETTER)}")


def _lacking(pools: Mapping[str, Pool]) -> list[str]:
    """Say which seeds and folds a system lacks, and where it tested less than others."""
    cells = sorted({cell for pool in pools.values() for cell in pool.tables})
    every = {cell: _union([pool.keys(cell) for pool in pools.values() if cell in pool.tables]) for cell in cells}
    warnings = []
    for name, pool in pools.items():
        missing = [_named(cell) for cell in cells if cell not in pool.tables]
        less = [_named(cell) for cell in pool.tables if len(pool.keys(cell)) < len(every[cell])]
        if missing:
            warnings.append(
                f"{name} has no run of {'; '.join(missing)}: its score is of the others, and it is compared with each "
                "system on what both have"
            )
        if less:
            here = {name for cell in pool.tables for name in pool.keys(cell).unique(0)}
            all_of_them = {name for cell in pool.tables for name in every[cell].unique(0)}
            warnings.append(
                f"{name} was tested on less than others in {'; '.join(less)} ({len(here)} of {len(all_of_them)} "
                "subjects): its score is of these, and it is compared with each system on what both tested"
            )
    return warnings


def _union(every: Sequence[pd.MultiIndex]) -> pd.MultiIndex:
    """Return what any system tested."""
    union = every[0]
    for keys in every[1:]:
        union = union if union.equals(keys) else union.union(keys)
    return union


def _named(cell: Cell) -> str:
    """Return a cell in words."""
    seed, fold = cell
    return f"seed {seed}" + (f" fold {fold}" if fold else "")


def _test_share(summary: Mapping[str, Any]) -> float | None:
    """Return n_test / n_train of the target in slices, None where one is not known."""
    parts = ((summary.get("split") or {}).get("parts") or {}).get(str(summary.get("target"))) or {}
    test, train = ((parts.get(part) or {}).get("slices") for part in ("test", "train"))
    return test / train if test and train else None
