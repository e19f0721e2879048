"""How each system learned: the loss of its task, and the score that chose the epoch."""

from __future__ import annotations

from collections.abc import Sequence

from transfer.evaluation.report.curves import Series, epochs, line_chart, points, stage_ends
from transfer.evaluation.report.folder import Comparison, RunRecord
from transfer.evaluation.report.svg import Drawing, Point
from transfer.evaluation.report.wording import metric_words

__all__ = ["learning_curves"]

MOST_LINES = 3


def learning_curves(comparison: Comparison) -> list[Drawing]:
    """Return for each system that was trained a chart of its losses and, where it was validated, one of its scores."""
    drawings = []
    for name in comparison.names:
        runs = [run for run in comparison.runs[name] if epochs(run)]
        if not runs:
            continue
        ends = stage_ends(runs)
        losses = [series for series in _losses(runs) if any(series.runs)]
        if losses:
            drawings.append(
                Drawing(f"{name}: training loss", line_chart(f"training loss of {name}", losses, ends=ends))
            )
        scores = _validation(runs)
        if scores:
            label = f"{scores.name} of {name} over epochs"
            drawings.append(Drawing(f"{name}: {scores.name}", line_chart(label, [scores], ends=ends)))
    return drawings


def _losses(runs: Sequence[RunRecord]) -> list[Series]:
    """Return the losses of the task, which all strategies share; where none has that name, the sums of the phases."""
    keys = list(dict.fromkeys(key for run in runs for _, values in epochs(run) for key in values))
    keys = [key for key in keys if not key.startswith(("monitor/", "valid/"))]
    terms = [key for key in keys if key.partition("/")[2].startswith("task")] or [
        k for k in keys if k.endswith("/loss")
    ]
    return [
        Series(
            key.partition("/")[2].removeprefix("task_").replace("task", key.partition("/")[0]),
            f"s{i}",
            [found for run in runs if (found := points(run, lambda values, key=key: values.get(key)))],  # type: ignore[misc]
        )
        for i, key in enumerate(terms[:MOST_LINES])
    ]


def _validation(runs: Sequence[RunRecord]) -> Series | None:
    """Return the score that selected, of all runs, with the epochs kept."""
    metric = _selecting(runs)
    if metric is None:
        return None
    lines = [points(run, lambda values: values.get(f"valid/{metric}")) for run in runs]
    kept = [point for run, line in zip(runs, lines, strict=True) for point in _kept(run, line)]
    return Series(f"validation {metric_words(metric)}", "s0", [line for line in lines if line], kept)


def _selecting(runs: Sequence[RunRecord]) -> str | None:
    """Return the metric that selected, or the first that was validated; None where none was."""
    found = [key[6:] for run in runs for _, values in epochs(run) for key in values if key.startswith("valid/")]
    wanted = str(runs[0].summary.get("selection", {}).get("metric"))
    return wanted if wanted in found else next(iter(found), None)


def _kept(run: RunRecord, line: Sequence[Point]) -> list[Point]:
    """Return the points of the epochs whose weights each stage kept."""
    found, start = [], 0
    for stage in run.history:
        best = stage.get("best_epoch", -1)
        found += [point for point in line if best >= 0 and point[0] == start + best + 1]
        start += len(stage.get("epochs", []))
    return found
