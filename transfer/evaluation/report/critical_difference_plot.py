"""The critical-difference diagram: mean ranks on a line, systems that are not told apart joined by a bar.

Reference: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from transfer.evaluation.report.svg import Drawing, Scale, drawing, element, line, shorten, text

__all__ = ["critical_difference_drawing"]

WIDTH, SIDE, ROW, AXIS = 860, 170, 20, 56


def critical_difference_drawing(found: Mapping[str, Any] | None) -> Drawing | None:
    """Return the diagram, or None where there is none.

    Args:
        found: `cd`, `ranks` (name -> mean rank), `groups` (names not told apart), `friedman_p`.
    """
    if not found or not found.get("ranks"):
        return None
    ranks = sorted(((str(name), float(rank)) for name, rank in found["ranks"].items()), key=lambda item: item[1])
    scale = Scale(1.0, float(max(len(ranks), 2)), SIDE, WIDTH - SIDE)
    groups = [group for group in found.get("groups") or [] if len(group) > 1]
    below = AXIS + 14 + 9 * len(groups)
    shapes = [line([(scale.start, AXIS), (scale.end, AXIS)], class_="ink")]
    for value in range(1, len(ranks) + 1):
        x = scale(value)
        shapes += [line([(x, AXIS - 5), (x, AXIS)], class_="ink"), text(x, AXIS - 9, str(value), anchor="middle")]
    if found.get("cd") is not None:
        end = scale(1.0 + float(found["cd"]))
        shapes += [
            line([(scale.start, 18), (end, 18)], class_="whisker s0"),
            *(line([(x, 14), (x, 22)], class_="whisker s0") for x in (scale.start, end)),
            text((scale.start + end) / 2, 11, f"critical difference {found['cd']:.2f}", anchor="middle"),
        ]
    for i, group in enumerate(groups):
        places = [scale(rank) for name, rank in ranks if name in group]
        y = AXIS + 11 + 9 * i
        tip = "not told apart: " + ", ".join(map(str, group))
        shapes.append(line([(min(places) - 5, y), (max(places) + 5, y)], class_="bar", tip=tip))
    half = math.ceil(len(ranks) / 2)
    for i, (name, rank) in enumerate(ranks):
        left = i < half
        y = below + ROW * (1 + (i if left else len(ranks) - 1 - i))
        x, side = scale(rank), SIDE - 6 if left else WIDTH - SIDE + 6
        words = f"{shorten(name, 16)}  {rank:.2f}"
        shapes += [
            line([(x, AXIS), (x, y), (side, y)], class_="ink"),
            element("circle", cx=x, cy=AXIS, r=3, class_="fill s0"),
            text(side - 5 if left else side + 5, y + 4, words, anchor="end" if left else "start"),
        ]
    picture = drawing(WIDTH, below + ROW * (half + 1), "critical-difference diagram", shapes, class_="wide")
    p = found.get("friedman_p")
    return Drawing("Mean ranks", picture, "" if p is None else f"Friedman test over all systems: p = {p:.3g}.")
