"""Where text for people and JSON for programs goes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

__all__ = ["NOTICE", "console", "echo", "print_json", "visible"]

NOTICE = "A research tool: what it says is no diagnosis."
"""What stands beside every prediction."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # C0, DELETE and C1, but tab and newline


def visible(text: str) -> str:
    r"""Return text in which control characters are written out, since a terminal would obey them.

    Example:
        >>> visible("a\x1b[2J\tb")
        'a\\x1b[2J\tb'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def console(*, stderr: bool = True) -> Console:
    """Return a console that shows the control characters of what it is given; what is no result goes to stderr."""
    from rich.console import Console
    from rich.segment import Segment

    class Harmless(Console):
        """A console whose colours and movements are its own: none come from the names and texts of files."""

        def render_str(self, text: str, **options: Any) -> Text:
            """Make text of a string: here, so that it is measured as it will be seen."""
            return super().render_str(visible(text), **options)

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            """Make segments of anything else."""
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(visible(segment.text), segment.style)

    return Harmless(stderr=stderr, markup=False, emoji=False)  # names from files are text, never markup


def echo(text: str) -> None:
    """Print a result on stdout: as it is for a program or a file, with control characters written out on a terminal."""
    import typer

    typer.echo(visible(text) if sys.stdout.isatty() else text, color=True)  # which takes nothing out


def print_json(value: Any) -> None:
    """Print JSON on stdout; NaN becomes null, and the control characters that JSON admits are escaped too."""
    import typer

    from transfer.output import plain

    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    typer.echo(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
