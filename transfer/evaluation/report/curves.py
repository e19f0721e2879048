"""Charts of runs over their epochs: a thin line a run, a thick one for their mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import Any

from markupsafe import Markup

from transfer.evaluation.report.folder import RunRecord
from transfer.evaluation.report.svg import Panel, Point, element, line

__all__ = ["Series", "epochs", "line_chart"]

Pick = Callable[[Mapping[str, float]], float | None]


@dataclass(frozen=True)
class Series:
    """One quantity of several runs.

    Args:
        name: for the legend.
        class_: of its colour.
        runs: of each run, its points (epoch from 1, value).
        kept: points that are marked: the epochs whose weights were kept.
    """

    name: str
    class_: str
    runs: Sequence[Sequence[Point]]
    kept: Sequence[Point] = field(default_factory=tuple)

    def mean(self) -> list[Point]:
        """Return the mean at each epoch that at least half of the runs reached."""
        values: dict[float, list[float]] = defaultdict(list)
        for run in self.runs:
            for x, y in run:
                values[x].append(y)
        return [(x, fmean(found)) for x, found in sorted(values.items()) if 2 * len(found) >= len(self.runs)]


def epochs(run: RunRecord) -> list[tuple[str, Mapping[str, float]]]:
    """Return the epochs of a run one after the other, each with the name of its stage."""
    return [(str(stage["stage"]), values) for stage in run.history for values in stage.get("epochs", [])]


def points(run: RunRecord, pick: Pick) -> list[Point]:
    """Return where a quantity stands in the epochs of a run, leaving out those without it."""
    found = ((i + 1.0, pick(values)) for i, (_, values) in enumerate(epochs(run)))
    return [(x, float(y)) for x, y in found if y is not None]


def stage_ends(runs: Sequence[RunRecord]) -> dict[str, float]:
    """Return the stages of the longest run and the epoch that each ends with."""
    longest: Any = max((epochs(run) for run in runs), key=len, default=[])
    return {stage: i + 1.0 for i, (stage, _) in enumerate(longest)}


def line_chart(
    label: str,
    series: Sequence[Series],
    *,
    ends: Mapping[str, float] | None = None,
    reference: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart of series over epochs.

    Args:
        label: what a screen reader says.
        series: with a point at least.
        ends: stage -> its last epoch; a line stands between stages.
        reference: a value that a dashed line marks, and its name.
    """
    every = [point for one in series for run in one.runs for point in run]
    panel = Panel(
        [x for x, _ in every],
        [y for _, y in every],
        x_label="epoch",
        include=[reference[0]] if reference else (),
        legend=[(one.name, one.class_) for one in series] if len(series) > 1 else (),
    )
    if reference:
        panel.level(*reference)
    breaks = list((ends or {}).items())[:-1]
    for stage, end in breaks:
        x = panel.x(end + 0.5)
        panel.shapes.append(line([(x, panel.y.start), (x, panel.y.end)], class_="reference", tip=f"{stage} ends"))
    for one in series:
        mean = one.mean()
        for run, kind in [*((run, "thin") for run in one.runs if len(one.runs) > 1), (mean, "mean")]:
            for piece in _pieces(run, [end for _, end in breaks]):
                panel.shapes.append(line(panel.points(piece), class_=f"{kind} {one.class_}", tip=one.name))
        if len(mean) == 1:
            panel.shapes.append(_mark(panel, mean[0], f"fill {one.class_}", one.name))
        panel.shapes += [_mark(panel, point, f"kept {one.class_}", "kept") for point in one.kept]
    return panel.picture(label)


def _pieces(run: Sequence[Point], ends: Sequence[float]) -> list[list[Point]]:
    """Part a run's points after the last epoch of each stage: a stage does not begin where the one before ended."""
    edges = [0.0, *ends, float("inf")]
    return [[point for point in run if low < point[0] <= high] for low, high in pairwise(edges)]


def _mark(panel: Panel, point: Point, class_: str, words: str) -> Markup:
    """Return a dot on a chart."""
    tip = element("title", f"{words}: epoch {point[0]:g}, {point[1]:.3g}")
    return element("circle", tip, cx=panel.x(point[0]), cy=panel.y(point[1]), r=3.2, class_=class_)
