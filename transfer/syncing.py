"""What a store did not take while a run went on: sent when it is back, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transfer.errors import UserError
from transfer.mlflow_store import shown_uri, store_uri
from transfer.output import output_lock, partial_folder, write_json
from transfer.spool import JOURNAL, Spool

__all__ = ["sync"]


def sync(folder: str | Path, *, store: str | None = None) -> dict[str, str]:
    """Send what waits in the folder of a run, or of a comparison and its runs; nothing is sent twice.

    Args:
        folder: of the run or the comparison, finished or interrupted.
        store: uri of the store; default the one that each run names, else that of the environment.

    Returns:
        Name of each run that something waited for -> its id in the store.

    Raises:
        UserError: where there is no such folder, a run still goes on, or the store does not take everything; what is left
            goes on waiting.
    """
    root = Path(folder).resolve()
    if not root.is_dir() and not partial_folder(root).is_dir():
        raise UserError(f"there is no folder {folder}; expected that of a run or a comparison")
    sent, trouble = {}, []
    for place in sorted(_spools(root), key=lambda place: len(place.parts)):  # a comparison before what is nested in it
        with output_lock(_named(place)):
            spool, said = _send(place, store)
        if said:
            trouble.append(f"{place}: {said}")
        else:
            sent[spool.about.name if place == root else str(_named(place).relative_to(root.parent))] = str(spool.run_id)
    if trouble:
        raise UserError(f"not everything could be sent, and it goes on waiting: {'; '.join(trouble)}")
    return sent


def _spools(root: Path) -> Iterator[Path]:
    """Yield the folders below one, or being written for it, in which a spool lies."""
    for start in (root, partial_folder(root)):
        yield from (file.parent for file in start.rglob(JOURNAL))


def _named(place: Path) -> Path:
    """Return the name that a folder has or will have."""
    name = place.name
    return place.with_name(name[1:].removesuffix(".partial")) if name.endswith(".partial") else place


def _send(place: Path, store: str | None) -> tuple[Spool, str]:
    """Send what waits in a folder; say what the trouble is, "" for none."""
    from transfer.mlflow_delivery import Delivery

    spool = Spool(None, place)
    delivery = Delivery(spool, store_uri(store or spool.about.uri or None))
    whole = delivery.attempt()
    finished = place == _named(place)
    if whole and finished:  # an interrupted run must go on to know what it has told
        spool.remove()
        _note_run(place / "summary.json", spool.run_id)
    refused = f"{len(delivery.errors)} entries were refused (first: {delivery.errors[0]})" if delivery.errors else ""
    return spool, refused or ("" if whole else f"{shown_uri(delivery.uri)} cannot be used ({delivery.trouble})")


def _note_run(file: Path, run_id: Any) -> None:
    """Write the id of the run into its summary, where it was not known when that was written."""
    if file.is_file():
        summary = json.loads(file.read_text(encoding="utf-8"))
        if summary.get("mlflow_run_id") is None:
            write_json(file, {**summary, "mlflow_run_id": run_id})
