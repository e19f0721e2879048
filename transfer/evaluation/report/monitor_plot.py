"""The game between task and alignment, epoch by epoch: whether the discriminator won, and who pulled how hard."""

from __future__ import annotations

from transfer.evaluation.report.curves import Series, epochs, line_chart, points
from transfer.evaluation.report.folder import Comparison, RunRecord
from transfer.evaluation.report.svg import Drawing

__all__ = ["monitor_drawings"]

GRADIENTS = {"monitor/task_gradient": "task", "monitor/alignment_gradient": "alignment"}


def monitor_drawings(comparison: Comparison) -> list[Drawing]:
    """Return the domain accuracy of each system that has a discriminator, and the gradients of those that align."""
    drawings = []
    for name in comparison.names:
        runs = [run for run in comparison.runs[name] if epochs(run)]
        accuracy = _series(runs, "monitor/domain_accuracy", "domain accuracy", "s0")
        if accuracy:
            chart = line_chart(f"domain accuracy of {name}", [accuracy], reference=(0.5, "cannot tell: 0.5"))
            drawings.append(Drawing(f"{name}: can the discriminator tell the domains?", chart))
        gradients = [_series(runs, key, words, f"s{i}") for i, (key, words) in enumerate(GRADIENTS.items())]
        pulling = [one for one in gradients if one]
        if any(one.name == "alignment" for one in pulling):
            chart = line_chart(f"gradient norms of {name}", pulling)
            drawings.append(Drawing(f"{name}: gradient norm at the extractor", chart))
    return drawings


def _series(runs: list[RunRecord], key: str, words: str, class_: str) -> Series | None:
    """Return a figure of the monitor in all runs that have it."""
    lines = [points(run, lambda values: values.get(key)) for run in runs]
    return Series(words, class_, [line for line in lines if line]) if any(lines) else None
