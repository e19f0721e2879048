"""What a comparison knows of a run: its system, its place in the design, its summary and its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from transfer.errors import UserError
from transfer.evaluation.aggregation import Rule
from transfer.evaluation.predictions import validate_predictions

__all__ = ["Cell", "FinishedRun"]

Cell = tuple[int, str]
"""Seed and fold of a run; the fold is empty where there are none."""


@dataclass(frozen=True)
class FinishedRun:
    """One run of one system.

    Args:
        system: its name in the comparison.
        seed: of the run.
        fold: of the run, None where there are no folds.
        role: 'control' for what every method has to beat, else 'system'.
        summary: what `summary.json` holds; keys may be missing.
        predictions: its prediction table; the part 'test' is compared.

    Example:
        >>> FinishedRun("ddg", 0, None, "system", {}, pd.DataFrame()).label
        'ddg, seed 0'
    """

    system: str
    seed: int
    fold: str | None
    role: Literal["system", "control"]
    summary: Mapping[str, Any]
    predictions: pd.DataFrame

    @property
    def cell(self) -> Cell:
        """Its place: seed and fold."""
        return self.seed, "" if self.fold is None else self.fold

    @property
    def label(self) -> str:
        """Its name in a sentence."""
        return f"{self.system}, seed {self.seed}" + ("" if self.fold is None else f", fold {self.fold}")

    @property
    def rule(self) -> Rule:
        """How its slices are put together, as its validation part chose."""
        return "vote" if self._scores().get("rule") == "vote" else "mean"

    @property
    def positive(self) -> str | None:
        """Its positive class of two, where its summary says one."""
        return self._scores().get("positive")

    def test_table(self) -> pd.DataFrame:
        """Return its predictions of the test part.

        Raises:
            UserError: no prediction table, or one without a test part.
        """
        table = validate_predictions(self.predictions)
        test: pd.DataFrame = table[table["part"] == "test"].reset_index(drop=True)
        if test.empty:
            raise UserError(f"{self.label}: no predictions of the test part; found {sorted(table['part'].unique())}")
        return test

    def _scores(self) -> Mapping[str, Any]:
        """Return what its summary says of the recordings of the test part."""
        return ((self.summary.get("metrics") or {}).get("test") or {}).get("recording") or {}
