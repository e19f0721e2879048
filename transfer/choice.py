"""A choice of a starter recipe: keys, why they are so, what could stand there instead; and how it is written as YAML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any

import yaml

__all__ = ["Choice", "render"]


@dataclass(frozen=True)
class Choice:
    """Keys of a recipe, and why they are so.

    Args:
        keys: section -> value.
        why: in plain words.
        instead: keys that could stand in the place of those of the same names.
    """

    keys: dict[str, Any]
    why: str
    instead: dict[str, Any] = field(default_factory=dict)


def render(choices: list[Choice], *, head: str) -> str:
    """Return choices as the text of a recipe, each below its reason.

    Example:
        >>> print(render([Choice({"name": "mine"}, "What it is called.")], head="Begun by hand."), end="")
        # Begun by hand.
        <BLANKLINE>
        # What it is called.
        name: mine
    """
    return "\n".join([_comment(head), *(_comment(one.why) + _written(one.keys) + _offered(one) for one in choices)])


def _written(keys: dict[str, Any]) -> str:
    """Return sections as YAML: one line for each key of a section, and for what stands below it."""
    return "".join(
        yaml.safe_dump(
            {key: value},
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None if isinstance(value, dict | list) else False,
            width=120,
        )
        for key, value in keys.items()
    )


def _offered(choice: Choice) -> str:
    """Return what could stand there instead, as YAML that is commented out."""
    return textwrap.indent(_written(choice.instead), "# ")


def _comment(text: str) -> str:
    """Return a text as YAML comments."""
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, 110))
