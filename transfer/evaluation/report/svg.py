"""Drawing in SVG: shapes, scales, and axes; colours are classes that the page's style decides, on screen and on paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

__all__ = ["Drawing", "Panel", "Point", "Scale", "dots", "drawing", "element", "line", "shorten", "text", "ticks"]

Point = tuple[float, float]


class Drawing(NamedTuple):
    """A figure of the page: what it shows in a few words, the picture, and a note below it."""

    title: str
    picture: Markup
    note: str = ""


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element with everything in it escaped; `class_` stands for `class`, `_` for `-`, None is left out.

    Example:
        >>> element("text", "<b>", x=1.25, class_="axis", text_anchor="end")
        Markup('<text x="1.2" class="axis" text-anchor="end">&lt;b&gt;</text>')
    """
    words = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("").join(words), Markup("").join(children))


def drawing(width: float, height: float, label: str, children: Iterable[str], *, class_: str = "") -> Markup:
    """Return a whole picture.

    Args:
        width: in user units, which are CSS pixels where the picture is as wide as that.
        height: the same.
        label: what a screen reader says.
        children: shapes.
        class_: further classes.
    """
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        class_=f"figure {class_}".strip(),
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", class_: str = "axis", **more: object) -> Markup:
    """Return a line of text."""
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=class_, **more)


def line(points: Sequence[Point], *, class_: str, tip: str = "") -> Markup:
    """Return straight lines from point to point; nothing for fewer than two."""
    if len(points) < 2:
        return Markup()
    way = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", *_tip(tip), d=way, class_=f"line {class_}")


def dots(points: Iterable[Point], *, class_: str, cross: bool = False) -> Markup:
    """Return many dots, or crosses, as one path: as light as can be."""
    mark = "m-2.2 -2.2l4.4 4.4m0 -4.4l-4.4 4.4" if cross else "h0"
    return element("path", d="".join(f"M{x:.1f} {y:.1f}{mark}" for x, y in points), class_=f"dots {class_}")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers between two values: steps of 1, 2, 2.5 or 5 times a power of ten.

    Example:
        >>> ticks(0.0, 1.0), ticks(0.31, 0.64, most=4)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.4, 0.5, 0.6])
    """
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20) if span / (s * power) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def shorten(words: str, most: int) -> str:
    """Return a text of at most so many characters.

    Example:
        >>> shorten("happiness", 6)
        'happi…'
    """
    return words if len(words) <= most else words[: most - 1] + "…"


class Scale(NamedTuple):
    """A linear way from values to places.

    Example:
        >>> Scale(0.0, 1.0, 10.0, 110.0)(0.25)
        35.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; a range without width has its middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float, *, include: Sequence[float] = ()) -> Scale:
        """Return a scale that holds all values with a little air.

        Args:
            values: finite or not; those that are not are passed over.
            start: place of the lower end.
            end: place of the upper end.
            include: values that must be on it.
        """
        known = [v for v in (*values, *include) if math.isfinite(v)] or [0.0, 1.0]
        low, high = min(known), max(known)
        air = 0.05 * (high - low) or max(0.05 * abs(high), 0.01)
        return cls(low - air, high + air, start, end)


class Panel:
    """The frame of a small chart: a legend, axes with round ticks, faint lines.

    Args:
        xs: all values along.
        ys: all values up.
        x_label: below the axis.
        include: values that the upward axis must hold.
        legend: words and the class of their colour.
        size: width and height in user units.
    """

    def __init__(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        x_label: str,
        include: Sequence[float] = (),
        legend: Sequence[tuple[str, str]] = (),
        size: tuple[int, int] = (300, 190),
    ) -> None:
        self.width, self.height = size
        left, right, top, bottom = 46, self.width - 10, 24 if legend else 8, self.height - 36
        self.x = Scale(min(xs, default=0), max(xs, default=1), left + 6, right - 6)
        self.y = Scale.around(ys, bottom, top, include=include)
        frame = element("rect", x=left, y=top, width=right - left, height=bottom - top, class_="frame")
        self.shapes: list[Markup] = [frame, *_legend(legend, left, self.width)]
        for value in ticks(self.y.low, self.y.high, 4):
            at = self.y(value)
            self.shapes += [
                line([(left, at), (right, at)], class_="grid"),
                text(left - 5, at + 3.5, f"{value:g}", anchor="end"),
            ]
        for value in ticks(self.x.low, self.x.high, 6):
            self.shapes.append(text(self.x(value), bottom + 14, f"{value:g}", anchor="middle"))
        self.shapes.append(text((left + right) / 2, self.height - 5, x_label, anchor="middle"))

    def points(self, values: Iterable[Point]) -> list[Point]:
        """Return the places of values."""
        return [(self.x(x), self.y(y)) for x, y in values]

    def level(self, value: float, words: str) -> None:
        """Draw a dashed line across, with a word on it."""
        at = self.y(value)
        self.shapes += [
            line([(self.x.start, at), (self.x.end, at)], class_="reference"),
            text(self.x.end - 3, at - 3, words, anchor="end", class_="axis faint"),
        ]

    def picture(self, label: str) -> Markup:
        """Return the chart."""
        return drawing(self.width, self.height, label, self.shapes)


def _legend(entries: Sequence[tuple[str, str]], left: float, width: float) -> list[Markup]:
    """Return the words above a chart, each behind a stroke of its colour."""
    room = (width - left) / max(len(entries), 1)
    shapes = []
    for i, (words, class_) in enumerate(entries):
        x = left + i * room
        shapes += [
            line([(x, 11), (x + 14, 11)], class_=f"mean {class_}"),
            text(x + 18, 14.5, shorten(words, int((room - 22) / 5.6))),
        ]
    return shapes


def _tip(words: str) -> tuple[Markup, ...]:
    """Return the text that appears under the pointer."""
    return (element("title", words),) if words else ()


def _plain(value: object) -> object:
    """Return a number with one decimal at most: a tenth of a pixel is enough."""
    return f"{round(value, 1):g}" if isinstance(value, float) else value
