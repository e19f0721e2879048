"""What each named component of a recipe (strategy, extractor, head, front end, loss, augmentation) takes, as JSON schemas."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, create_model

from transfer.options import component_options
from transfer.registry import Registry

__all__ = ["OWN", "component_schema", "components", "documented_arguments", "option_schemas"]

OWN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
"""A class of the user's own: `module:Name`."""


def documented_arguments(cls: type) -> dict[str, str]:
    """Return argument -> what the docstring says of it, for a class and those that it inherits from.

    Example:
        >>> from losses import CMD
        >>> documented_arguments(CMD)["moments"]
        'the highest moment.'
    """
    found: dict[str, str] = {}
    for base in cls.__mro__:
        section = re.search(r"^Args:\n((?: .*\n?|\n)+)", inspect.cleandoc(base.__doc__ or ""), re.MULTILINE)
        for item in re.finditer(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE):
            found.setdefault(item[1], " ".join(item[2].split()))
    return found


def option_schemas(cls: type) -> dict[str, dict[str, Any]]:
    """Return option -> JSON schema (type, default, description) of a component's class.

    Example:
        >>> from losses import CMD
        >>> sorted(option_schemas(CMD)["moments"])
        ['default', 'description', 'maximum', 'minimum', 'type']
    """
    model = create_model(cls.__name__, __config__=ConfigDict(arbitrary_types_allowed=True), **component_options(cls))
    schema = model.model_json_schema()
    if "$defs" in schema:
        schema["properties"] = _inlined(schema["properties"], schema["$defs"])
    told = documented_arguments(cls)
    return {
        name: {
            **{k: v for k, v in one.items() if k != "title"},
            **({"description": told[name]} if name in told else {}),
        }
        for name, one in schema.get("properties", {}).items()
    }


def component_schema(table: Registry, extra: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return the schema of a section that names one of a table and gives its options beside the name.

    A section without a name may hold anything: what it extends, or a default, says which component it is.

    Args:
        table: the names there are.
        extra: keys that every component of this section takes.
    """
    cases = [
        {
            "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
            "then": {
                "properties": {"name": True, **(extra or {}), **_options(table[name])},
                "additionalProperties": False,
            },
        }
        for name in table
    ]
    name = {"description": f"the {table.kind}", "anyOf": [{"enum": list(table)}, {"type": "string", "pattern": OWN}]}
    return {"type": "object", "properties": {"name": name}, "allOf": cases}


def components() -> dict[str, Any]:
    """Return the definitions of all component sections of a recipe, by what they name."""
    from transfer.build import registries
    from transfer.strategies.alignment_loss import AlignmentLoss

    tables = registries()
    told = documented_arguments(AlignmentLoss)
    schema = AlignmentLoss.model_json_schema()
    schema["properties"] = _inlined(schema["properties"], schema.get("$defs", {}))
    keys = {
        name: {**{k: v for k, v in one.items() if k != "title"}, "description": told[name]}
        for name, one in schema["properties"].items()
        if name != "name"
    }
    return {kind: component_schema(table) for kind, table in tables.items()} | {
        "losses": component_schema(tables["losses"], keys)
    }


def _options(cls: type) -> dict[str, dict[str, Any]]:
    """Return the options of a class, with losses that it takes by name as the losses there are."""
    options = option_schemas(cls)
    if "losses" in options:
        options["losses"] = {**options["losses"], "items": {"$ref": "#/definitions/losses"}}
    return options


def _inlined(tree: Any, definitions: Mapping[str, Any]) -> Any:
    """Put definitions in the place of what refers to them."""
    if isinstance(tree, list):
        return [_inlined(item, definitions) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "$ref" in tree:
        named = definitions[tree["$ref"].rpartition("/")[2]]
        rest = {key: value for key, value in tree.items() if key != "$ref"}
        return {**_inlined(named, definitions), **rest}
    return {key: _inlined(value, definitions) for key, value in tree.items()}
