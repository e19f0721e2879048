"""How far source and target lie apart at each level, before training and after."""

from __future__ import annotations

from statistics import fmean

from markupsafe import Markup

from transfer.evaluation.report.folder import Comparison, RunRecord
from transfer.evaluation.report.svg import Drawing, Scale, drawing, element, line, shorten, text, ticks

__all__ = ["gap_drawings", "mean_gap"]

WIDTH, LEFT, ROW = 300, 92, 24
MEASURES = {"mmd": "MMD", "domain_accuracy": "domain accuracy of a linear probe"}
LEVELS = ("universal", "specific", "logits")


def gap_drawings(comparison: Comparison) -> list[Drawing]:
    """Return a chart for each measure and level: a system a row, from a ring (before) to a dot (after)."""
    drawings = []
    for measure, words in MEASURES.items():
        for level in LEVELS:
            rows = {
                name: gaps
                for name in comparison.names
                if None
                not in (gaps := tuple(mean_gap(comparison.runs[name], t, level, measure) for t in ("before", "after")))
            }
            if rows:
                drawings.append(Drawing(f"{words}, {level}", _picture(rows, measure, f"{words} at level {level}")))
    return drawings


def mean_gap(runs: list[RunRecord], time: str, level: str, measure: str) -> float | None:
    """Return the mean of a gap over runs.

    Args:
        runs: of a system.
        time: `before` or `after`.
        level: `universal`, `specific` or `logits`.
        measure: `mmd`, `a_distance` or `domain_accuracy`.
    """
    found = [((run.summary.get("diagnostics") or {}).get(time) or {}).get(level, {}).get(measure) for run in runs]
    known = [float(value) for value in found if value is not None]
    return fmean(known) if known else None


def _picture(rows: dict[str, tuple[float | None, ...]], measure: str, label: str) -> Markup:
    """Return the chart of one measure at one level."""
    marks = [0.5] if measure == "domain_accuracy" else [0.0]
    scale = Scale.around([v for pair in rows.values() for v in pair if v is not None], LEFT, WIDTH - 12, include=marks)
    bottom = 8 + ROW * len(rows)
    shapes = []
    for value in ticks(scale.low, scale.high, 4):
        x = scale(value)
        shapes += [line([(x, 6), (x, bottom)], class_="grid"), text(x, bottom + 14, f"{value:g}", anchor="middle")]
    shapes += [line([(scale(mark), 6), (scale(mark), bottom)], class_="reference") for mark in marks]
    for i, (name, (before, after)) in enumerate(rows.items()):
        y = 8 + ROW * (i + 0.5)
        start, end = scale(before or 0.0), scale(after or 0.0)
        tip = element("title", f"{name}: {before:.3g} before, {after:.3g} after")
        shapes += [
            text(LEFT - 8, y + 3.5, shorten(name, 15), anchor="end"),
            line([(start, y), (end, y)], class_="whisker s0"),
            element("circle", cx=start, cy=y, r=4, class_="ring s0"),
            element("circle", tip, cx=end, cy=y, r=4.5, class_="fill s0"),
        ]
    return drawing(WIDTH, bottom + 22, label, shapes)
