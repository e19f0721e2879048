"""Whose code a recipe or a model file may name: nobody's but the toolkit's, unless the user says so."""

from __future__ import annotations

import os
from typing import Annotated

import typer

__all__ = ["VARIABLE", "Trust", "trusts"]

VARIABLE = "TRANSFER_TRUST"
"""Environment variable with the modules that `module:Name` may import, separated by commas; `*` admits all."""


def trusts(module: str) -> bool:
    """Tell whether a module may be imported because a recipe names it: it, or a package that it lies in, is allowed.

    Example:
        >>> from unittest.mock import patch
        >>> with patch.dict(os.environ, {VARIABLE: "lab.models"}):
        ...     trusts("lab.models.tcn"), trusts("lab"), trusts("os")
        (True, False, False)
    """
    allowed = {name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()}
    parts = module.split(".")
    return "*" in allowed or any(".".join(parts[:n]) in allowed for n in range(1, len(parts) + 1))


def _trust_all(asked: bool) -> bool:
    """Admit every module in this process and those that it starts."""
    if asked:
        os.environ[VARIABLE] = "*"
    return asked


Trust = Annotated[
    bool,
    typer.Option(
        "--trust", callback=_trust_all, is_eager=True, help=f"run code that is named as module:Name; else ${VARIABLE}"
    ),
]
"""The option of a command that reads a recipe or a model file."""
