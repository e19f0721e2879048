"""A forest plot, row by row, so that each row stands in the table beside its numbers and moves with it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from transfer.evaluation.report.svg import Scale, drawing, element, line, text, ticks

__all__ = ["Forest"]

WIDTH, HEIGHT, SIDE = 184, 30, 12


class Forest:
    """Values with their intervals on one scale.

    Args:
        values: all values that rows will show.
        intervals: all their intervals.
        mark: the value that intervals are held against: chance, or no gain.
        label: of the axis.

    Example:
        >>> forest = Forest([0.6, 0.7], [(0.5, 0.7), (0.6, 0.8)], mark=0.5, label="UAR")
        >>> "0.60 [0.50, 0.70]" in forest.row(0.6, (0.5, 0.7))
        True
    """

    def __init__(
        self, values: Sequence[float], intervals: Sequence[Sequence[float]], *, mark: float | None, label: str
    ) -> None:
        ends = [float(end) for interval in intervals for end in interval]
        include = [] if mark is None else [mark]
        self.scale = Scale.around([*values, *ends], SIDE, WIDTH - SIDE, include=include)
        self.mark, self.label = mark, label

    def row(self, value: float, interval: Sequence[float] | None, class_: str = "") -> Markup:
        """Return the picture of one row.

        Args:
            value: the dot.
            interval: the line, None for none.
            class_: of its colour.
        """
        middle = HEIGHT / 2
        shapes = [*self._lines()]
        words = f"{value:.2f}"
        if interval:
            low, high = (self.scale(float(end)) for end in interval)
            words += f" [{interval[0]:.2f}, {interval[1]:.2f}]"
            shapes.append(line([(low, middle), (high, middle)], class_=f"whisker {class_}"))
            shapes += [line([(x, middle - 4), (x, middle + 4)], class_=f"whisker {class_}") for x in (low, high)]
        tip = element("title", words)
        shapes.append(element("circle", tip, cx=self.scale(value), cy=middle, r=5, class_=f"fill {class_}"))
        return drawing(WIDTH, HEIGHT, words, shapes, class_="row")

    def axis(self) -> Markup:
        """Return the scale that stands above the rows."""
        numbers = [
            text(self.scale(v), 12, f"{v:g}", anchor="middle") for v in ticks(self.scale.low, self.scale.high, 4)
        ]
        marks = [
            line([(self.scale(v), 16), (self.scale(v), 22)], class_="grid")
            for v in ticks(self.scale.low, self.scale.high, 4)
        ]
        return drawing(WIDTH, 22, f"scale of {self.label}", [*numbers, *marks], class_="row")

    def _lines(self) -> list[Markup]:
        """Return the faint lines of the scale and the one of the mark."""
        grid = [
            line([(self.scale(v), 0), (self.scale(v), HEIGHT)], class_="grid")
            for v in ticks(self.scale.low, self.scale.high, 4)
        ]
        if self.mark is None:
            return grid
        at = self.scale(self.mark)
        return [*grid, line([(at, 0), (at, HEIGHT)], class_="reference")]
