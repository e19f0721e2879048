"""What was decided for each true class: one matrix a system, shaded by the share of its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from transfer.evaluation.report.folder import Comparison
from transfer.evaluation.report.svg import Drawing, drawing, element, shorten, text

__all__ = ["confusion_drawings", "confusion_picture"]

WIDTH, LEFT, TOP, RIGHT = 300, 70, 58, 30


def confusion_drawings(comparison: Comparison) -> list[Drawing]:
    """Return the matrix of each system that has one."""
    return [
        Drawing(str(row["name"]), confusion_picture(str(row["name"]), row["confusion"]))
        for row in comparison.result["systems"]
        if (row.get("confusion") or {}).get("labels")
    ]


def confusion_picture(name: str, confusion: Mapping[str, Any]) -> Markup:
    """Return a matrix: rows are the truth, columns what was decided, numbers percent of the row.

    Args:
        name: of the system.
        confusion: `labels` and `counts`; counts may be means over seeds.

    Example:
        >>> "75" in confusion_picture("ddg", {"labels": ["HC", "MDD"], "counts": [[3, 1], [2, 2]]})
        True
    """
    labels: Sequence[str] = [str(label) for label in confusion["labels"]]
    cell = (WIDTH - LEFT - RIGHT) / len(labels)
    height = min(cell, 60.0)
    shapes = [text(LEFT - 6, TOP - 6, "truth ↓", anchor="end", class_="axis faint")]
    for j, label in enumerate(labels):
        x = LEFT + (j + 0.5) * cell
        turned = {"transform": f"rotate(-40 {x:.1f} {TOP - 6})"} if len(labels) > 3 else {}
        anchor = "start" if turned else "middle"
        shapes.append(text(x, TOP - 6, shorten(label, 11), anchor=anchor, **turned))
    for i, (label, row) in enumerate(zip(labels, confusion["counts"], strict=True)):
        y, total = TOP + i * height, sum(row)
        shapes.append(text(LEFT - 6, y + height / 2 + 3.5, shorten(label, 11), anchor="end"))
        for j, count in enumerate(row):
            share = count / total if total else 0.0
            shapes += _cell(LEFT + j * cell, y, cell, height, share, f"{label} decided as {labels[j]}", count, total)
    return drawing(WIDTH, TOP + height * len(labels) + 6, f"decisions of {name}", shapes)


def _cell(
    x: float, y: float, width: float, height: float, share: float, words: str, count: float, total: float
) -> list[Markup]:
    """Return a cell, the darker the larger its share."""
    tip = element("title", f"{words}: {count:g} of {total:g} ({share:.0%})")
    shade = f"{share:.3f}"
    return [
        element(
            "rect", x=x + 0.5, y=y + 0.5, width=width - 1, height=height - 1, class_="cell", style=f"--share: {shade}"
        ),
        element(
            "text",
            tip,
            f"{100 * share:.0f}",
            x=x + width / 2,
            y=y + height / 2 + 4,
            text_anchor="middle",
            class_="cell-words strong" if share > 0.55 else "cell-words",
        ),
    ]
