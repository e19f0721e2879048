"""Each subject by itself: whom a system gets right, and whether two systems fail at the same people."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from transfer.evaluation.aggregation import aggregate
from transfer.evaluation.predictions import class_names, probabilities
from transfer.evaluation.report.folder import Comparison, RunRecord
from transfer.evaluation.report.svg import Drawing, Scale, drawing, element, line, shorten, text

__all__ = ["Subject", "subject_drawing", "subject_rows"]

WIDTH, LEFT, ROW = 860, 130, 40


class Subject(NamedTuple):
    """A subject of the test: its (hashed) id, its class or how many it has, its recordings, and share right by system."""

    name: str
    truth: str
    recordings: int
    right: dict[str, float]


def subject_rows(comparison: Comparison) -> list[Subject]:
    """Return all test subjects: the share of each one's recordings that a system decides right, mean over runs.

    Hardest first, by the mean over systems.
    """
    shares = {name: share for name in comparison.names if (share := _right(comparison.runs[name])) is not None}
    tables = [t for run in comparison.everything if (t := _tested(run)) is not None]
    if not tables or not shares:
        return []
    first = pd.concat(tables).drop_duplicates(["subject", "recording"]).groupby("subject")
    rows = [
        Subject(
            str(name),
            str(own["truth"].iloc[0]) if own["truth"].nunique() == 1 else f"{own['truth'].nunique()} classes",
            len(own),
            {system: float(share[name]) for system, share in shares.items() if name in share},
        )
        for name, own in first
    ]
    return sorted(rows, key=lambda row: (sum(row.right.values()) / max(len(row.right), 1), row.name))


def subject_drawing(rows: list[Subject], chance: float | None) -> Drawing | None:
    """Return the chart of all subjects: a system a row, a dot a subject, a stroke at their mean.

    Args:
        rows: what `subject_rows` gave.
        chance: a share that a dashed line marks.
    """
    systems = list(dict.fromkeys(name for row in rows for name in row.right))
    if not systems:
        return None
    scale, bottom = Scale(0.0, 1.0, LEFT, WIDTH - 20), 8 + ROW * len(systems)
    shapes: list[Markup] = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = scale(value)
        shapes += [line([(x, 6), (x, bottom)], class_="grid"), text(x, bottom + 14, f"{value:.0%}", anchor="middle")]
    if chance is not None:
        shapes.append(line([(scale(chance), 6), (scale(chance), bottom)], class_="reference", tip="chance"))
    for i, name in enumerate(systems):
        middle = 8 + ROW * (i + 0.5)
        shares = {row.name: row.right[name] for row in rows if name in row.right}
        mean = sum(shares.values()) / len(shares)
        shapes.append(text(LEFT - 14, middle + 4, shorten(name, 17), anchor="end"))
        for subject, (x, y) in zip(shares, _swarm([scale(v) for v in shares.values()], middle), strict=True):
            tip = element("title", f"{subject}: {shares[subject]:.0%} right")
            shapes.append(element("circle", tip, cx=x, cy=y, r=3.6, class_="fill s0 soft"))
        words = f"{name}: mean {mean:.0%}"
        shapes.append(line([(scale(mean), middle - 15), (scale(mean), middle + 15)], class_="mean s1", tip=words))
    shapes.append(
        text((LEFT + WIDTH) / 2, bottom + 30, "share of the subject's recordings decided right", anchor="middle")
    )
    return Drawing(
        "Subjects", drawing(WIDTH, bottom + 36, "share of recordings decided right, by subject", shapes, class_="wide")
    )


def _right(runs: list[RunRecord]) -> pd.Series | None:
    """Return the share of recordings decided right of each subject, mean over the runs that tested it."""
    found = []
    for run in runs:
        table = _tested(run)
        if table is not None:
            units = aggregate(table, "recording")
            decided = [class_names(units)[k] for k in probabilities(units).argmax(axis=1)]
            found.append((units["truth"] == decided).groupby(units["subject"]).mean())
    return pd.concat(found).groupby(level=0).mean() if found else None


def _tested(run: RunRecord) -> pd.DataFrame | None:
    """Return the test part of a run's predictions."""
    if run.predictions is None:
        return None
    table = run.predictions[run.predictions["part"] == "test"]
    return table if len(table) else None


def _swarm(places: list[float], middle: float) -> list[tuple[float, float]]:
    """Return dots that do not lie on one another: those of one place stand in a column about the middle."""
    columns = [round(x / 7.5) for x in places]
    found, taken = [], Counter[int]()
    for x, column in zip(places, columns, strict=True):
        tall = columns.count(column)
        found.append((x, middle + (taken[column] - (tall - 1) / 2) * min(7.5, 32 / tall)))
        taken[column] += 1
    return found
