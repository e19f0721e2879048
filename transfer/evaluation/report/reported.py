"""Figures that were reported elsewhere, beside what was measured here, each with its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from transfer.evaluation.report.folder import Comparison
from transfer.evaluation.report.wording import metric_words, with_interval

__all__ = ["Reported", "reported_rows"]

LEVELS = ("slice", "recording", "subject")


class Reported(NamedTuple):
    """A reported figure: system, quantity, reported mean and protocol; measured at each level, and its protocol."""

    system: str
    quantity: str
    reported: float
    values: str
    protocol: str
    measured: dict[str, str]
    split: str


def reported_rows(comparison: Comparison) -> list[Reported]:
    """Return the figures that recipes report; percentages are put as shares.

    A reported quantity that is a metric (`accuracy`) stands beside that metric; of others (`valid_accuracy`) it is said
    that nothing of the kind was measured on the test part.
    """
    rows = []
    for system in comparison.result["systems"]:
        said = system.get("reported") or {}
        protocol = str(said.get("protocol", "not said"))
        for quantity, value in said.items():
            numbers = _numbers(value)
            if quantity == "protocol" or not numbers:
                continue
            percent = max(numbers) > 1
            mean = fmean(numbers) / (100 if percent else 1)
            rows.append(
                Reported(
                    str(system["name"]),
                    metric_words(str(quantity)),
                    mean,
                    ", ".join(f"{number:g}{'%' if percent else ''}" for number in numbers),
                    protocol,
                    _measured(system.get("scores") or {}, str(quantity)),
                    _split(comparison, str(system["name"])),
                )
            )
    return rows


def _measured(scores: Mapping[str, Mapping[str, Any]], metric: str) -> dict[str, str]:
    """Return the metric at each level that has it."""
    return {
        level: with_interval(scores[level][metric], scores[level].get(f"{metric}_ci"))
        for level in LEVELS
        if scores.get(level, {}).get(metric) is not None
    }


def _split(comparison: Comparison, system: str) -> str:
    """Say how the runs of a system were split."""
    rules = {str((run.summary.get("split") or {}).get("by", "not said")) for run in comparison.runs[system]}
    accepted = {a for run in comparison.runs[system] for a in (run.summary.get("leakage") or {}).get("accepted", [])}
    words = "split by " + ", ".join(sorted(rules)) if rules else "not said"
    return words + (f", accepting {', '.join(sorted(map(str, accepted)))}" if accepted else "")


def _numbers(value: Any) -> Sequence[float]:
    """Return the numbers of a reported value."""
    values = value if isinstance(value, list) else [value]
    return [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
