"""Where a run is recorded: a protocol with an MLflow and a null implementation; the loop knows no MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from transfer.errors import UserError, did_you_mean

__all__ = ["NullTracker", "Status", "Tracker", "flatten", "open_tracker"]

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Tracker(Protocol):
    """What a run tells whoever keeps its record."""

    @property
    def run_id(self) -> str | None:
        """The id under which the run is kept; None where it is not."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings; nested mappings and lists get dotted names."""

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record what runs are found by."""

    def metrics(self, values: Mapping[str, float | None], step: int) -> None:
        """Record numbers of a step; None, an undefined metric, is left out."""

    def artifact(self, path: str | os.PathLike[str]) -> None:
        """Record a file or folder, which must stay until `finish` returns."""

    def dataset(self, name: str, fingerprint: str, role: str, counts: Mapping[str, int]) -> None:
        """Record a corpus that the run heard, as `source` or `target`: its fingerprint and how much there is of it."""

    def model(self, file: str | os.PathLike[str]) -> None:
        """Record a model file as a model that can be loaded from there; it must stay until `finish` returns."""

    def finish(self, status: Status = "FINISHED") -> None:
        """Write what is pending and close the record."""


class NullTracker:
    """Keeps nothing.

    Example:
        >>> tracker = NullTracker()
        >>> tracker.metrics({"loss": 0.5}, step=1)
        >>> tracker.run_id is None
        True
    """

    run_id: str | None = None

    def params(self, values: Mapping[str, Any]) -> None:
        """Do nothing."""

    def tags(self, values: Mapping[str, Any]) -> None:
        """Do nothing."""

    def metrics(self, values: Mapping[str, float | None], step: int) -> None:
        """Do nothing."""

    def artifact(self, path: str | os.PathLike[str]) -> None:
        """Do nothing."""

    def dataset(self, name: str, fingerprint: str, role: str, counts: Mapping[str, int]) -> None:
        """Do nothing."""

    def model(self, file: str | os.PathLike[str]) -> None:
        """Do nothing."""

    def finish(self, status: Status = "FINISHED") -> None:
        """Do nothing."""


def open_tracker(
    kind: Literal["mlflow", "none"],
    uri: str | None,
    experiment: str,
    run_name: str,
    *,
    parent: str | None = None,
    resume: str | None = None,
    folder: Path | None = None,
) -> Tracker:
    """Return the tracker of a recipe's `tracking` section.

    Args:
        kind: 'mlflow' or 'none'.
        uri: of the store; None takes $MLFLOW_TRACKING_URI, else `sqlite:///mlruns/mlflow.db`.
        experiment: name of the experiment.
        run_name: name of the run.
        parent: id of the run that it is nested in.
        resume: id of a run that goes on, where the store still has it.
        folder: of the run, where what the store does not take waits for it.

    Raises:
        UserError: an unknown kind. A store that cannot be opened is reported, and raises nothing.

    Example:
        >>> open_tracker("none", None, "transfer", "first").run_id is None
        True
    """
    if kind == "mlflow":
        from transfer.mlflow_tracker import MLflowTracker

        return MLflowTracker(uri, experiment, run_name, parent=parent, resume=resume, folder=folder)
    if kind == "none":
        return NullTracker()
    raise UserError(f"no tracker {kind!r}; {did_you_mean(kind, ['mlflow', 'none'])}")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings and lists of mappings as one mapping with dotted names.

    Example:
        >>> flatten({"strategy": {"name": "ddg", "losses": [{"name": "mmd"}]}, "betas": [0.9, 0.98]})
        {'strategy.name': 'ddg', 'strategy.losses.0.name': 'mmd', 'betas': [0.9, 0.98]}
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
            value = {str(index): item for index, item in enumerate(value)}
        if isinstance(value, Mapping) and value:
            result |= flatten(value, f"{name}.")
        else:
            result[name] = value
    return result
