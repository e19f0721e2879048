"""`transfer schema`: what a recipe may say, for editors and for people."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from transfer.errors import UserError

__all__ = ["schema_command"]


class SchemaForm(str, Enum):
    """How the schema is written."""

    json = "json"
    markdown = "markdown"


def schema_command(
    out: Annotated[Path | None, typer.Option(help="file to write; default: print")] = None,
    form: Annotated[SchemaForm, typer.Option(help="a JSON schema for editors, or a page to read")] = SchemaForm.json,
) -> None:
    """Print what a recipe may say: keys, types, defaults, names and their options."""
    from transfer.recipe_page import recipe_page
    from transfer.recipe_schema import recipe_schema

    text = recipe_page() if form is SchemaForm.markdown else json.dumps(recipe_schema(), indent=1) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another file") from error
    typer.echo(f"written to {out}")
