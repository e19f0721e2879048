"""A comparison as the tracker sees it: one run in which its trials are nested, taken up again where it was left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transfer.output import write_json
from transfer.recipe import Tracking
from transfer.redaction import public_suite
from transfer.suite import Suite
from transfer.tracking import Status, Tracker, open_tracker

__all__ = ["TrackedComparison", "tracked_comparison", "tracked_parent"]


@dataclass(frozen=True)
class TrackedComparison:
    """The tracked run of a comparison."""

    tracker: Tracker

    @property
    def run_id(self) -> str | None:
        """The id that trials are nested in; None where nothing is tracked."""
        return self.tracker.run_id

    def finished(self, result: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Record scores and gains of every row, and the files of the comparison."""
        for row in result["systems"]:
            name, gain = row["name"], row["gain"] or {}
            values = {f"score/{name}": row["score"], f"gain/{name}": gain.get("value")}
            if row["interval"]:
                values |= {f"score/{name}/low": row["interval"][0], f"score/{name}/high": row["interval"][1]}
            self.tracker.metrics({key: value for key, value in values.items() if value is not None}, step=0)
            self.tracker.tags({f"verdict.{name}": row["sentence"]})
        for file in files:
            self.tracker.artifact(file)


@contextmanager
def tracked_comparison(suite: Suite, tracking: Tracking, folder: Path) -> Iterator[TrackedComparison]:
    """Open the tracked run of a comparison, the one that `folder/tracking.json` names where there is one.

    Args:
        suite: what is compared.
        tracking: where trials are recorded.
        folder: of the comparison.
    """
    tags = {"kind": "comparison", "synthetic": suite.synthetic}
    with tracked_parent(suite.name, tracking, folder, params=public_suite(suite), tags=tags) as tracker:
        yield TrackedComparison(tracker)


@contextmanager
def tracked_parent(
    name: str, tracking: Tracking, folder: Path, *, params: Mapping[str, Any], tags: Mapping[str, Any]
) -> Iterator[Tracker]:
    """Open the tracked run that trials are nested in, the one that `folder/tracking.json` names where there is one.

    Args:
        name: of the run.
        tracking: where trials are recorded.
        folder: of the comparison or sweep.
        params: what was asked for, recorded once.
        tags: what it is found by.
    """
    file = folder / "tracking.json"
    before = json.loads(file.read_text(encoding="utf-8"))["run_id"] if file.is_file() else None
    tracker = open_tracker(tracking.kind, tracking.uri, tracking.experiment, name, resume=before, folder=folder)
    if tracker.run_id is None or tracker.run_id != before:
        write_json(file, {"run_id": tracker.run_id})
        tracker.params(params)
    status: Status = "FAILED"
    try:
        tracker.tags(tags)
        yield tracker
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        tracker.finish(status)
