"""What `transfer validators` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from transfer.errors import UserError
from transfer.evaluation.validator_report import report_table
from transfer.validator_study import study

__all__ = ["print_study", "study_runs"]


def study_runs(folders: Sequence[Path], roots: Sequence[str]) -> dict[str, Any]:
    """Return the study of runs, corpora being at `corpus=folder` where they are not in the usual place.

    Raises:
        UserError: for a root that is not of that form, or runs that cannot be studied.
    """
    for root in roots:
        if not all(root.partition("=")):
            raise UserError(f"--root {root!r} is not of the form corpus=folder, such as emovo=/data/emovo")
    return study(folders, {root.partition("=")[0]: root.partition("=")[2] for root in roots})


def print_study(found: dict[str, Any], console: Console) -> None:
    """Print the table of criteria, and what it may not be used for."""
    count, epochs = len(found["runs"]), sum(len(run["epochs"]) for run in found["runs"])
    console.print(Text(f"\ncriteria over {count} runs, {epochs} checkpoints: mean [range over runs]", style="bold"))
    console.print(report_table(found["criteria"]))
    console.print(
        Text(
            "regret: best test UAR of any epoch minus that of the epoch chosen. True scores are by test labels (oracle):\n"
            "a criterion chosen from this table has seen this test part, and is to be reported on another.",
            style="dim",
        )
    )
