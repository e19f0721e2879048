"""The scores of one system at every level, its decisions by class, and what its runs took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from transfer.evaluation.aggregation import Level
from transfer.evaluation.bootstrap import cluster_interval, decision_interval
from transfer.evaluation.finished_run import FinishedRun
from transfer.evaluation.metrics import COUNT_METRICS, f1_scores, precisions, recalls
from transfer.evaluation.paired_difference import strata_of
from transfer.evaluation.pooling import Pool, Scoring, seed_scores, subjects_of
from transfer.evaluation.predictions import class_names
from transfer.evaluation.weighted import METRICS, count_metric

__all__ = ["decisions", "number", "pair_of_numbers", "protocol", "score", "scores_by_level"]

_LEVELS: tuple[Level, ...] = ("slice", "recording", "subject")


def score(
    pool: Pool, scoring: Scoring, *, confidence: float, draws: int, seed: int
) -> tuple[float, tuple[float, float]]:
    """Return the mean over seeds of a metric, and its interval over subjects and seeds.

    One seed has the interval that its run states (`bootstrap.bootstrap_interval`). Several have that of the mean of their
    metrics: a draw weighs subjects, and the same weights act in every seed.

    Args:
        pool: of the system.
        scoring: metric and level.
        confidence: of the interval.
        draws: of the bootstrap.
        seed: of the draws.
    """
    every = list(pool.by_seed(scoring).values())
    subjects = subjects_of(every)
    statistic = seed_scores([[units] for units in every], subjects, scoring)
    value = float(statistic(np.ones((1, len(subjects)))).mean())
    of_counts = count_metric(scoring.metric, class_names(every[0].table), scoring.positive)
    if len(every) == 1 and scoring.level == "subject" and scoring.single and of_counts is not None:
        counts = every[0].counts.sum(axis=0)
        return value, decision_interval(of_counts, counts, draws=draws, rng=seed, confidence=confidence)
    strata = strata_of(every, subjects, single=scoring.single)
    ends = cluster_interval(statistic, strata, draws=draws, rng=seed, confidence=confidence)
    return value, ends


def scores_by_level(
    pool: Pool, scoring: Scoring, classes: Sequence[str], *, confidence: float, draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return every metric at slice, recording and subject level, each with its interval as `<metric>_ci`.

    Metrics that are not compared take a quarter of the draws: their ends then move by some hundredths of the width.
    """
    metrics = METRICS if len(classes) == 2 else tuple(COUNT_METRICS)
    result: dict[str, dict[str, Any]] = {}
    for level in _LEVELS:
        result[level] = {}
        for metric in metrics:
            own = replace(scoring, metric=metric, level=level)
            few = draws if metric == scoring.metric else max(2, draws // 4)
            value, ends = score(pool, own, confidence=confidence, draws=few, seed=seed)
            result[level] |= {metric: number(value), f"{metric}_ci": pair_of_numbers(ends)}
    return result


def decisions(pool: Pool, scoring: Scoring) -> dict[str, Any]:
    """Return `confusion` (labels, and counts by true class of all seeds together) and `per_class` scores of them."""
    every = list(pool.by_seed(scoring).values())
    classes = class_names(every[0].table)
    counts = np.sum([units.counts.sum(axis=0) for units in every], axis=0)
    columns = zip(classes, precisions(counts), recalls(counts), f1_scores(counts), counts.sum(axis=1), strict=True)
    return {
        "confusion": {"labels": classes, "counts": counts.astype(int).tolist()},
        "per_class": {
            name: {"precision": number(p), "recall": number(r), "f1": number(f), "support": int(n)}
            for name, p, r, f, n in columns
        },
    }


def protocol(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Return what the summaries of a system's runs say of what they took and how they were chosen."""
    first: Mapping[str, Any] = runs[0].summary
    seconds = [s for s in (run.summary.get("train_seconds") for run in runs) if s is not None]
    tags = [(run.summary.get("selection") or {}).get("tag") for run in runs]
    return {
        "train_seconds": float(np.mean(seconds)) if seconds else None,
        "parameters": first.get("parameters"),
        "reported": first.get("reported") or None,
        "target_labels": first.get("target_labels"),
        "selected_by": ", ".join(sorted({tag for tag in tags if tag})) or None,
    }


def number(value: float) -> float | None:
    """Return a plain float, None for NaN, which JSON has not.

    Example:
        >>> number(0.5), number(float("nan"))
        (0.5, None)
    """
    return None if math.isnan(value) else float(value)


def pair_of_numbers(ends: tuple[float, float]) -> list[float] | None:
    """Return an interval as a list, None where it is not defined."""
    return None if math.isnan(ends[0]) or math.isnan(ends[1]) else [float(ends[0]), float(ends[1])]
