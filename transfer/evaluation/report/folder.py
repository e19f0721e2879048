"""The folder of a comparison as the report reads it: what was found, and the runs that it was found in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from transfer.errors import UserError
from transfer.evaluation.predictions import read_predictions

__all__ = ["Comparison", "RunRecord", "read_comparison"]

_RUN = re.compile(r"seed(\d+)(?:-fold(.+))?")


@dataclass(frozen=True)
class RunRecord:
    """A finished run of a comparison.

    Args:
        system: the row of the comparison that it belongs to.
        seed: of its training.
        fold: which part of the target it is tested on; None where there are no folds.
        folder: its run folder.
        summary: what its `summary.json` holds.
        history: what its `history.json` holds: one entry a stage; empty where there is none.
        predictions: its prediction table; None where it cannot be read.
    """

    system: str
    seed: int
    fold: str | None
    folder: Path
    summary: Mapping[str, Any]
    history: list[Mapping[str, Any]] = field(default_factory=list)
    predictions: pd.DataFrame | None = None


@dataclass(frozen=True)
class Comparison:
    """A comparison: the result, and its runs in the order of seeds and folds.

    Args:
        result: what `comparison.json` holds.
        runs: system -> its runs; every system of the result is there.
        unreadable: files that ought to be there and cannot be read.
    """

    result: Mapping[str, Any]
    runs: Mapping[str, list[RunRecord]]
    unreadable: list[str]

    @property
    def names(self) -> list[str]:
        """The systems in their order: the honest by rank, then the rest."""
        return [str(row["name"]) for row in self.result["systems"]]

    @property
    def everything(self) -> list[RunRecord]:
        """All runs, in the order of the systems."""
        return [run for name in self.names for run in self.runs[name]]


def read_comparison(folder: Path) -> Comparison:
    """Read the folder that `transfer compare` wrote.

    Args:
        folder: with `comparison.json` and `runs/<system>/seed<k>[-fold<i>]/`.

    Raises:
        UserError: where it is no such folder. A run that cannot be read is told of, and is no reason to show nothing.
    """
    file = folder / "comparison.json"
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); name the folder that `transfer compare` wrote, which has one"
        ) from error
    except ValueError as error:
        raise UserError(f"{file} is damaged: {error}; run the comparison again with --resume") from error
    if not isinstance(result, dict) or not isinstance(result.get("systems"), list):
        raise UserError(f"{file} has no list `systems`, so it is not the result of `transfer compare`; run it again")
    unreadable: list[str] = []
    runs: dict[str, list[RunRecord]] = {str(row["name"]): [] for row in result["systems"]}
    for path in sorted(folder.glob("runs/*/*/summary.json")):
        if path.parent.parent.name in runs and (found := _RUN.fullmatch(path.parent.name)):
            run = _read_run(path.parent, int(found[1]), found[2], unreadable)
            runs[path.parent.parent.name] += [run] if run else []
    for own in runs.values():
        own.sort(key=lambda run: (run.seed, run.fold or ""))
    return Comparison(result, runs, [str(Path(name).relative_to(folder)) for name in unreadable])


def _read_run(folder: Path, seed: int, fold: str | None, unreadable: list[str]) -> RunRecord | None:
    """Read a run as far as it can be read."""
    summary = _json(folder / "summary.json", unreadable)
    if not isinstance(summary, dict):
        return None
    history = _json(folder / "history.json", unreadable) if (folder / "history.json").is_file() else []
    predictions = None
    try:
        predictions = read_predictions(folder / "predictions.parquet")
    except (OSError, ValueError, TypeError):
        unreadable.append(str(folder / "predictions.parquet"))
    return RunRecord(folder.parent.name, seed, fold, folder, summary, history or [], predictions)


def _json(path: Path, unreadable: list[str]) -> Any:
    """Read JSON, or note that it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        unreadable.append(str(path))
        return None
