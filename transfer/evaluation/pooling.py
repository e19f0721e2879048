"""The test predictions of a system put together: over the folds of a seed, then as a mean over seeds.

A score of a system is the mean over seeds of the metric of all that its folds of that seed tested. As a function of
subject weights (`weighted`) it has one weight for a subject, which acts in every seed that tested it: draws of a
bootstrap are draws of people, whoever heard them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from transfer.evaluation.aggregation import Level, Rule, aggregate
from transfer.evaluation.finished_run import Cell
from transfer.evaluation.metrics import FloatArray, confusion_by_subject
from transfer.evaluation.predictions import class_names
from transfer.evaluation.weighted import Statistic, count_metric, weighted_metric

__all__ = ["Pool", "Scoring", "Units", "seed_scores", "subjects_of"]

_KEYS = ["subject", "recording", "truth"]


@dataclass(frozen=True)
class Scoring:
    """What is scored.

    Args:
        metric: one of `weighted.METRICS`.
        level: slice, recording or subject.
        single: each subject of the comparison has one true class; else the subject level is a mean over subjects of
            the metric of their recordings (`aggregation.decided_units`).
        positive: the positive class of two.

    Example:
        >>> Scoring("uar", "subject", single=False).per_subject
        True
    """

    metric: str
    level: Level
    single: bool
    positive: str | None = None

    @property
    def per_subject(self) -> bool:
        """Whether the score is a mean over subjects of their own scores."""
        return self.level == "subject" and not self.single

    @property
    def grouping(self) -> Level:
        """The level that slices are put together to."""
        return "recording" if self.per_subject else self.level


@dataclass(frozen=True)
class Units:
    """Decisions of one corpus, and what every metric needs of them, computed once.

    Args:
        table: with `corpus, subject, truth` and p_ columns.

    Example:
        >>> table = pd.DataFrame({"corpus": "c", "subject": ["s2", "s1"], "truth": ["a", "b"], "p_a": 0.9, "p_b": 0.1})
        >>> units = Units(table)
        >>> units.subjects, units.value(Scoring("accuracy", "subject", single=True))
        (['s1', 's2'], 0.5)
    """

    table: pd.DataFrame

    @cached_property
    def subjects(self) -> list[str]:
        """Their subjects, sorted."""
        return sorted(self.table["subject"].unique())

    @cached_property
    def counts(self) -> FloatArray:
        """Decisions by true class for each subject, (S, K, K)."""
        return confusion_by_subject(self.table)

    @property
    def classes(self) -> npt.NDArray[np.intp]:
        """The commonest true class of each subject, by its place among the classes, (S,)."""
        commonest: npt.NDArray[np.intp] = self.counts.sum(axis=2).argmax(axis=1)
        return commonest

    def statistic(self, scoring: Scoring, *others: Units) -> Statistic:
        """Return the metric as a function of the weights of the subjects.

        Args:
            scoring: metric and level.
            others: further decisions about subjects of their own: weights are (D, S + S' + ...).
        """
        every = (self, *others)
        of_counts = count_metric(scoring.metric, class_names(self.table), scoring.positive)
        if of_counts is None or scoring.per_subject:
            tables = [units.table.assign(corpus=f"{i:03}") for i, units in enumerate(every)]
            joined = pd.concat(tables, ignore_index=True)
            return weighted_metric(joined, scoring.metric, positive=scoring.positive, per_subject=scoring.per_subject)
        counts = np.concatenate([units.counts for units in every])
        flat, shape = counts.reshape(len(counts), -1), counts.shape[1:]
        return lambda weights: of_counts((weights @ flat).reshape(-1, *shape))

    def value(self, scoring: Scoring) -> float:
        """Return the metric."""
        return float(self.statistic(scoring)(np.ones((1, len(self.subjects))))[0])

    def own(self, scoring: Scoring) -> FloatArray:
        """Return the metric of each subject's own decisions, (S,); NaN where it is not defined."""
        of_counts = count_metric(scoring.metric, class_names(self.table), scoring.positive)
        if of_counts is not None:
            return of_counts(self.counts)
        each = weighted_metric(self.table, scoring.metric, positive=scoring.positive, per_subject=True)
        return each(np.eye(len(self.subjects)))


@dataclass(frozen=True)
class Pool:
    """The test tables of a system by cell, and how each puts slices together.

    Args:
        tables: cell (seed, fold) -> prediction table of one part and corpus.
        rules: cell -> 'mean' or 'vote'.

    Example:
        >>> row = {"corpus": "c", "slice": 0, "recording": "r", "truth": "a", "p_a": 0.9, "p_b": 0.1}
        >>> fold = [pd.DataFrame([{**row, "subject": name, "part": "test"}]) for name in ("s1", "s2")]
        >>> pool = Pool({(0, "0"): fold[0], (0, "1"): fold[1]}, {(0, "0"): "mean", (0, "1"): "mean"})
        >>> {seed: units.subjects for seed, units in pool.by_seed(Scoring("uar", "slice", single=True)).items()}
        {0: ['s1', 's2']}
    """

    tables: Mapping[Cell, pd.DataFrame]
    rules: Mapping[Cell, Rule]
    _keys: dict[Cell, pd.MultiIndex] = field(default_factory=dict, repr=False, compare=False)
    _units: dict[tuple[Cell, Level], Units] = field(default_factory=dict, repr=False, compare=False)
    _by_seed: dict[Level, dict[int, Units]] = field(default_factory=dict, repr=False, compare=False)

    def keys(self, cell: Cell) -> pd.MultiIndex:
        """Return what a cell tested: (subject, recording, truth), sorted."""
        if cell not in self._keys:
            tested = self.tables[cell][_KEYS].drop_duplicates()
            self._keys[cell] = pd.MultiIndex.from_frame(tested).sort_values()
        return self._keys[cell]

    def units(self, cell: Cell, scoring: Scoring) -> Units:
        """Return the units of a cell."""
        key = cell, scoring.grouping
        if key not in self._units:
            self._units[key] = Units(aggregate(self.tables[cell], scoring.grouping, rule=self.rules[cell]))
        return self._units[key]

    def by_seed(self, scoring: Scoring) -> dict[int, Units]:
        """Return the units of each seed, those of its folds together."""
        if scoring.grouping not in self._by_seed:
            cells: dict[int, list[Cell]] = {}
            for cell in self.tables:
                cells.setdefault(cell[0], []).append(cell)
            self._by_seed[scoring.grouping] = {seed: self._joined(own, scoring) for seed, own in sorted(cells.items())}
        return self._by_seed[scoring.grouping]

    def seed_tables(self) -> list[tuple[pd.DataFrame, Rule]]:
        """Return the table of each seed, those of its folds together, and the rule of its first fold."""
        cells: dict[int, list[Cell]] = {}
        for cell in sorted(self.tables):
            cells.setdefault(cell[0], []).append(cell)
        return [
            (pd.concat([self.tables[cell] for cell in own], ignore_index=True), self.rules[own[0]])
            for own in cells.values()
        ]

    def shared_with(self, other: Pool) -> Pool:
        """Return what is here of what both tested: their common cells, and in them their common recordings."""
        if list(self.tables) == list(other.tables) and all(
            table[_KEYS].equals(other.tables[cell][_KEYS]) for cell, table in self.tables.items()
        ):
            return self  # the usual case, found without sorting anything
        shared = {cell: self.keys(cell).intersection(other.keys(cell)) for cell in self.tables if cell in other.tables}
        if len(shared) == len(self.tables) and all(len(keys) == len(self.keys(cell)) for cell, keys in shared.items()):
            return self
        tables = {cell: _rows(self.tables[cell], keys) for cell, keys in shared.items() if len(keys)}
        return Pool(tables, {cell: self.rules[cell] for cell in tables})

    def _joined(self, cells: Sequence[Cell], scoring: Scoring) -> Units:
        """Return the units of several folds as one."""
        rules = {self.rules[cell] for cell in cells}
        if len(cells) == 1:
            return self.units(cells[0], scoring)
        if len(rules) > 1:  # each fold chose its own
            return Units(pd.concat([self.units(cell, scoring).table for cell in cells], ignore_index=True))
        whole = pd.concat([self.tables[cell] for cell in cells], ignore_index=True)
        return Units(aggregate(whole, scoring.grouping, rule=rules.pop()))


def subjects_of(every: Sequence[Units]) -> list[str]:
    """Return the subjects of all units, sorted."""
    return sorted({name for units in every for name in units.subjects})


def seed_scores(seeds: Sequence[Sequence[Units]], subjects: Sequence[str], scoring: Scoring) -> Statistic:
    """Return the metric of each seed as a function of subject weights.

    Args:
        seeds: for each seed the units of one system, or of several, whose weights then stand one after the other; a
            seed may have tested only some of the subjects.
        subjects: of all seeds (`subjects_of`), S.
        scoring: metric and level.

    Shape:
        weights (D, S systems), values (R, D) for R seeds.

    Example:
        >>> table = pd.DataFrame({"corpus": "c", "subject": ["s1", "s2"], "truth": ["a", "b"], "p_a": 0.9, "p_b": 0.1})
        >>> seeds = [[Units(table)], [Units(table.head(1))]]
        >>> scoring = Scoring("accuracy", "subject", single=True)
        >>> seed_scores(seeds, ["s1", "s2"], scoring)(np.array([[1.0, 1.0], [1.0, 3.0]]))
        array([[0.5 , 0.25],
               [1.  , 1.  ]])
    """
    place = {name: i for i, name in enumerate(subjects)}
    parts: list[tuple[Statistic, npt.NDArray[np.intp]]] = []
    for first, *others in seeds:
        columns = [
            place[name] + i * len(subjects) for i, units in enumerate((first, *others)) for name in units.subjects
        ]
        parts.append((first.statistic(scoring, *others), np.array(columns)))
    return lambda weights: np.array([of_seed(weights[:, columns]) for of_seed, columns in parts])


def _rows(table: pd.DataFrame, keys: pd.MultiIndex) -> pd.DataFrame:
    """Return the rows of some (subject, recording, truth)."""
    kept = pd.MultiIndex.from_frame(table[_KEYS]).isin(keys)
    rows: pd.DataFrame = table[kept].reset_index(drop=True)
    return rows
