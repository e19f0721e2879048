"""What a person sees while a run goes on; everything goes to stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Reporter"]

Tick = Callable[[int, int], None]


class Reporter:
    """Messages and progress bars, or nothing.

    Args:
        console: where to; None shows nothing.

    Example:
        >>> with Reporter().bar("features") as tick:
        ...     tick(1, 2)
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console
        self._detail = ""

    def say(self, text: str) -> None:
        """Show a line."""
        if self.console is not None:
            self.console.print(text, style="dim", highlight=False, markup=False)

    def plan(self, slices: pd.DataFrame, notes: list[str]) -> None:
        """Show what will be trained and tested on."""
        for name, table in slices.groupby("corpus", sort=False):
            parts = [
                f"{part} {len(group)} slices of {group['speaker'].nunique()} speakers"
                for part, group in table.groupby("part", sort=False)
            ]
            self.say(f"{name}: {', '.join(parts)}; labels used: {int(table['labelled'].sum())} slices")
        for note in notes:
            self.say(f"note: {note}")

    def epoch(self, values: Mapping[str, float]) -> None:
        """Keep an epoch's values for the bar."""
        shown = {k: v for k, v in values.items() if k in ("valid/uar", "valid/loss") or k.endswith("/loss")}
        self._detail = " ".join(f"{k} {v:.3f}" for k, v in shown.items())

    @contextmanager
    def bar(self, title: str) -> Iterator[Tick]:
        """Show a bar; the function given is told (done, all)."""
        if self.console is None:
            yield lambda done, total: None
            return
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        self._detail = ""
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=None, detail="")
            yield lambda done, total: progress.update(task, completed=done, total=total, detail=self._detail)
