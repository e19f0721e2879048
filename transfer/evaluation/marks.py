"""Marks of results that do not stand beside others as they are: leaks, choices by test labels, budgets, stand-ins.

Budgets: two systems had the same where, in each seed and fold, training took as many steps (epochs where steps are not
recorded, leaving out what stopped early) and labels of as many target speakers and slices were given to training and to
selection. Source pretraining is part of a strategy and is not counted. In each seed and fold the budget that most
systems had is the common one, and what differs is marked; without a most common one, all are. Excepted are what does
not train (the majority class) and, in labels alone, controls other than the baseline: what a control may not see is
what makes it one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transfer.evaluation.finished_run import Cell, FinishedRun

__all__ = ["DISHONEST", "marks_of", "unequal_budgets"]

DISHONEST = ("leaking", "oracle-selected")
"""Marks of results that are never ranked beside others."""

Summary = Mapping[str, Any]


def marks_of(runs: Sequence[FinishedRun], *, unequal: bool = False) -> list[str]:
    """Return the marks of a system: one run is enough for each.

    - `leaking`: its recipe accepted a leak, or the audit found one.
    - `oracle-selected`: test labels chose its weights.
    - `unequal budget`: as `unequal_budgets` found.
    - `synthetic`: scored on stand-ins of corpora.

    Args:
        runs: of one system.
        unequal: whether its budget was found unequal.

    Example:
        >>> import pandas as pd
        >>> summary = {"leakage": {"accepted": ["speaker"]}, "synthetic": {"modma": 0}}
        >>> marks_of([FinishedRun("ddg", 0, None, "system", summary, pd.DataFrame())])
        ['leaking', 'synthetic']
    """
    found = {
        "leaking": any(_leaks(run.summary) for run in runs),
        "oracle-selected": any(_oracle(run.summary) for run in runs),
        "unequal budget": unequal,
        "synthetic": any(run.summary.get("synthetic") for run in runs),
    }
    return [mark for mark, there in found.items() if there]


def unequal_budgets(runs: Iterable[FinishedRun], baseline: str | None) -> dict[str, str]:
    """Return the systems whose budget is not the common one, with the difference in words.

    Args:
        runs: of all systems.
        baseline: the system that gains are measured against; its labels are compared too.

    Example:
        >>> import pandas as pd
        >>> def run(name, epochs):
        ...     summary = {"selection": {"epochs": {"transfer": {"run": epochs, "stopped": ""}}}}
        ...     return FinishedRun(name, 0, None, "system", summary, pd.DataFrame())
        >>> unequal_budgets([run("mmd", 60), run("dann", 60), run("ddg", 90)], None)
        {'ddg': 'trained 90 epochs, most others 60'}
    """
    cells: dict[Cell, list[FinishedRun]] = {}
    for run in runs:
        if _effort(run.summary, "run") is not None:
            cells.setdefault(run.cell, []).append(run)
    found: dict[str, str] = {}
    for present in cells.values():
        unit = "steps" if all(_effort(run.summary, "steps") for run in present) else "epochs"
        key = "steps" if unit == "steps" else "run"
        efforts = {run.system: _effort(run.summary, key) for run in present if not _stopped(run.summary)}
        labels = {run.system: _labels(run.summary) for run in present if run.role == "system" or run.system == baseline}
        for values, words in ((efforts, f"trained {{}} {unit}"), (labels, "used {}")):
            for name, difference in _odd(values, words).items():
                found.setdefault(name, difference)
    return found


def _odd(values: Mapping[str, Any], words: str) -> dict[str, str]:
    """Return the systems whose value is not that of most, in words; all of them where no value is that of most."""
    ranked = Counter(values.values()).most_common(2)
    if len(ranked) < 2:
        return {}
    common = ranked[0][0] if ranked[0][1] > ranked[1][1] else None
    rest = "others as often otherwise" if common is None else f"most others {common}"
    return {
        name: f"{words.format(value)}, {rest}" for name, value in values.items() if common is None or value != common
    }


def _leaks(summary: Summary) -> bool:
    """Say whether a leak was accepted or found."""
    leakage = summary.get("leakage") or {}
    return bool(leakage.get("accepted") or leakage.get("found"))


def _oracle(summary: Summary) -> bool:
    """Say whether test labels chose any weights."""
    tags = [(summary.get("selection") or {}).get("tag"), *(summary.get("selected_by") or {}).values()]
    return "oracle" in tags


def _transfer(summary: Summary) -> Mapping[str, Any]:
    """Return what is known of the stage after pretraining."""
    stages = (summary.get("selection") or {}).get("epochs") or {}
    return stages.get("transfer") or {}


def _effort(summary: Summary, key: str) -> Any:
    """Return how long a run trained, None where it did not or nothing says so."""
    return _transfer(summary).get(key)


def _stopped(summary: Summary) -> bool:
    """Say whether a run stopped early: its length is then its own choice under one rule."""
    return bool(_transfer(summary).get("stopped"))


def _labels(summary: Summary) -> str:
    """Return in words how many target labels a run used."""
    labels = summary.get("target_labels") or {}
    if not labels.get("slices") and not labels.get("validation_slices"):
        return "no target labels"
    words = f"{labels.get('slices', 0)} labelled target slices of {labels.get('speakers', 0)} speakers"
    if labels.get("validation_slices"):
        words += f" and {labels['validation_slices']} of {labels.get('validation_speakers', 0)} to select by"
    return words
