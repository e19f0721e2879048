"""`transfer sync`: what a store did not take while a run went on, sent when it is back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sync_command"]


def sync_command(
    folder: Annotated[Path, typer.Argument(help="of a run or a comparison")],
    store: Annotated[
        str | None, typer.Option(help="uri; default the one of the run, else $MLFLOW_TRACKING_URI")
    ] = None,
) -> None:
    """Send what the tracking store did not take while the run went on."""
    from transfer.syncing import sync

    sent = sync(folder, store=store)
    for name, run_id in sent.items():
        typer.echo(f"{name}: the record is complete, as run {run_id}")
    if not sent:
        typer.echo(f"nothing waits in {folder}")
