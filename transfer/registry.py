"""Names in recipes, looked up in plain dicts."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from transfer.errors import RecipeError, did_you_mean
from transfer.trust import VARIABLE, trusts

__all__ = ["Registry"]


class Registry(Mapping[str, Any]):
    """A plain dict of classes that answers an unknown name with the nearest known one.

    `module:Name` names a user's own class, which is imported only where its module is trusted (`transfer.trust`).

    Args:
        kind: what the names stand for, used in messages ("strategy", "loss" ...).
        table: the names there are.

    Raises:
        RecipeError: for a name that is not in the table, or a `module:Name` that is not trusted or cannot be imported.

    Example:
        >>> Registry("loss", {"mmd": int})["mmd"]
        <class 'int'>
    """

    def __init__(self, kind: str, table: Mapping[str, Any]) -> None:
        self.kind = kind
        self._table = table

    def __getitem__(self, name: str) -> Any:
        if name in self._table:
            return self._table[name]
        if ":" in name:
            return self._own(name)
        raise RecipeError(f"unknown {self.kind} {name!r}: {did_you_mean(name, self._table)}")

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def _own(self, name: str) -> Any:
        """Import a user's `module:Name`."""
        module, _, attribute = name.partition(":")
        if not trusts(module):
            raise RecipeError(
                f"{self.kind} {name!r} is code that does not come with the toolkit, and importing it runs it; if you trust "
                f"it, say --trust, or name its module in ${VARIABLE}"
            )
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise RecipeError(
                f"{self.kind} {name!r} cannot be imported ({error}); expected 'module:Name' with the module on PYTHONPATH"
            ) from error
