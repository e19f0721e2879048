"""Where text for people and JSON for programs goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["NOTICE", "console", "print_json"]

NOTICE = "A research tool: what it says is no diagnosis."
"""What stands beside every prediction."""


def console(*, stderr: bool = True) -> Console:
    """Return a console; what is not the result itself goes to stderr."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False)  # names from files are text, never markup


def print_json(value: Any) -> None:
    """Print JSON on stdout; NaN becomes null."""
    import typer

    from transfer.output import plain

    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))
