"""The picture of a curve: scores and gains with their bands, against the number of subjects or a dial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transfer.evaluation.report.wording import metric_words

__all__ = ["plot_curve"]


def plot_curve(curve: Mapping[str, Any], file: Path) -> None:
    """Draw score and gain of every system at every point.

    Args:
        curve: what `curve.json` holds (`transfer.curve`).
        file: to write, PNG or SVG by its suffix.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    points = curve["points"]
    places = range(len(points))
    names = list(dict.fromkeys(name for point in points for name in point["systems"]))
    for index, name in enumerate(names):
        row = [point["systems"].get(name) for point in points]
        shift = (index - (len(names) - 1) / 2) * min(
            0.06, 0.5 / len(names)
        )  # side by side, so that bars can be told apart
        style = {"marker": "o", "capsize": 2, "linewidth": 1.2, "color": f"C{index % 10}", "label": name}
        if row[0] and row[0]["role"] == "control":
            style |= {"linestyle": "--", "marker": "s"}
        _line(left, [p + shift for p in places], row, "score", "interval", style)
        _line(right, [p + shift for p in places], row, "gain", "gain_interval", style)
    if all(point["best"] is not None for point in points):
        left.plot(
            places, [point["best"] for point in points], color="black", linestyle=":", label="best there is (a clip)"
        )
    left.axhline(points[0]["chance"], color="grey", linewidth=0.8, label="chance")
    right.axhline(0, color="grey", linewidth=0.8)
    for axes, title in (
        (left, f"{metric_words(curve['metric'])} by {points[0]['level']}"),
        (right, "gain over the baseline"),
    ):
        axes.set_xticks(list(places), [point["value"] for point in points])
        axes.set(xlabel=curve["axis"], title=f"{title}, 95% intervals", xlim=(-0.5, len(points) - 0.5))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", fontsize=8, ncols=6)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def _line(axes: Any, places: list[float], row: list[Any], value: str, interval: str, style: Mapping[str, Any]) -> None:
    """Draw one system, where it has values."""
    drawn = [(x, r[value], r[interval]) for x, r in zip(places, row, strict=True) if r and r[value] is not None]
    if not drawn:
        return
    xs, ys, ends = zip(*drawn, strict=True)
    errors = [
        [y - (e[0] if e else y) for y, e in zip(ys, ends, strict=True)],
        [(e[1] if e else y) - y for y, e in zip(ys, ends, strict=True)],
    ]
    axes.errorbar(xs, ys, yerr=errors, **style)
