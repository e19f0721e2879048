"""The reference of recipes as Markdown: every key and every component's options with type, default and meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from transfer.component_schema import option_schemas
from transfer.recipe import Recipe
from transfer.recipe_schema import recipe_schema

__all__ = ["recipe_page"]

INTRODUCTION = """\
# Recipes: every key

<!-- Made by `transfer schema --form markdown --out docs/recipes.md`; write nothing here. -->

A recipe is a YAML file. What it does not say is the default below; a key, a name or a value that there is none of is an error that
names file and line. `transfer show RECIPE` prints a recipe with every default, `transfer check RECIPE` finds what is wrong
before training, and [editors](editors.md) complete keys and names from the same schema as this page.

- `extends: FILE`, or a list of files, begins with other recipes, relative to this one; what is written here wins, key by key.
  Where `strategy`, `extractor`, `head` or `frontend` gets another name, none of the options of the old one are kept.
- `key.of.section=value` on the command line wins over the file: `transfer run mine.yaml training.epochs=5`.
- `${oc.env:NAME}` in a value is the environment variable; nothing else is interpolated, and nothing in a recipe is ever run.
- Wherever a component is named, `module:Name` names a class of your own ([extending](extending.md)).

**Components** are sections with a `name` and, beside it, the options of what is named: `strategy`, `frontend`, `extractor`,
`head`, each of `training.augment` and of `strategy.losses`. Their options stand below the keys.
"""

COMPONENTS = {
    "strategies": "Strategies",
    "frontends": "Front ends",
    "extractors": "Extractors",
    "heads": "Heads",
    "losses": "Losses",
    "augmentations": "Augmentations",
}


def recipe_page() -> str:
    """Return the page docs/recipes.md.

    Example:
        >>> "| `epochs` | integer >= 1 | 40 | passes over the data |" in recipe_page()
        True
    """
    schema = recipe_schema()
    parts = [INTRODUCTION, _section("", Recipe, schema), *_sections("", Recipe, schema, {}), *_components()]
    return "\n".join(parts).rstrip() + "\n"


def _sections(
    path: str, model: type[BaseModel], schema: Mapping[str, Any], seen: dict[type[BaseModel], str]
) -> Iterator[str]:
    """Yield the sections below a model, in the order of its keys, each kind of section once."""
    for name, field in model.model_fields.items():
        if (below := _model(field.annotation)) is not None:
            inner = f"{path}.{name}".lstrip(".")
            if below in seen:
                yield f"## `{inner}`\n\nThe keys of [`{seen[below]}`](#{seen[below].replace('.', '')}).\n"
                continue
            seen[below] = inner
            yield _section(inner, below, schema)
            yield from _sections(inner, below, schema, seen)


def _section(path: str, model: type[BaseModel], schema: Mapping[str, Any]) -> str:
    """Return the table of a section's keys."""
    about = (model.__doc__ or "").strip().split("\n\n")[0] if path else "The keys at the top."
    properties = schema["properties"] if not path else schema["definitions"][model.__name__]["properties"]
    head = [f"## {f'`{path}`' if path else 'A recipe'}", "", about, "", *_HEAD]
    rows = [
        _row(name, properties[name], _default(field), field.description or "")
        for name, field in model.model_fields.items()
    ]
    return "\n".join([*head, *rows, ""])


def _components() -> Iterator[str]:
    """Yield the options of every component, a heading for each kind."""
    from transfer.build import registries

    tables = registries()
    for kind, title in COMPONENTS.items():
        yield f"## {title}\n"
        seen: dict[str, str] = {}
        for name, cls in tables[kind].items():
            told = (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
            rows = [
                _row(option, one, _shown(one), one.get("description", ""))
                for option, one in option_schemas(cls).items()
            ]
            yield f"### `{name}`\n\n{_plain(told)}\n"
            table = "\n".join([*_HEAD, *rows, ""] if rows else ["No options.", ""])
            first = seen.setdefault(table, name)
            yield table if first == name or not rows else f"The options of `{first}`.\n"


_HEAD = ["| key | type | default | meaning |", "|---|---|---|---|"]


def _row(name: str, schema: Mapping[str, Any], default: str, meaning: str) -> str:
    """Return a row of a table."""
    cells = (f"`{name}`", _kind(schema), default, _plain(meaning))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in words what a schema takes."""
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(one) for one in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null") + (" or null" if "null" in kinds else "")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "component" if name[0].islower() else "section"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if (kind := schema.get("type")) == "array":
        items = schema.get("items", {})
        inner = ", ".join(_kind(one) for one in items) if isinstance(items, list) else _kind(items) if items else "any"
        return f"list of {inner}"
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = [f"{sign} {_short(schema[key])}" for key, sign in bounds.items() if key in schema]
    return " ".join([{"object": "mapping"}.get(str(kind), str(kind or "any")), ", ".join(limits)]).strip()


def _short(limit: float) -> str:
    """Return a limit: whole ones in full, other ones in as few digits as they have."""
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def _shown(schema: Mapping[str, Any]) -> str:
    """Return an option's default as it would be written in YAML."""
    return _written(schema["default"]) if "default" in schema else "**must be given**"


def _default(field: FieldInfo) -> str:
    """Return a key's default as it would be written in YAML."""
    if field.is_required():
        return "**must be given**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        named = value.model_dump(exclude_unset=True)
        return f"`{{{', '.join(f'{key}: {one}' for key, one in named.items())}}}`" if named else "as below"
    return _written(value)


def _written(value: Any) -> str:
    """Return a value as it would be written in YAML."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key holds, or a list of, or nothing; components have options of their own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if annotation.model_config.get("extra") == "forbid" else None
    if get_origin(annotation) in (list, Union) or type(annotation).__name__ == "UnionType":
        return next((found for one in get_args(annotation) if (found := _model(one))), None)
    return None


def _plain(text: str) -> str:
    """Return text whose roles (:func:`mmd`) are plain code, and whose angles outside of code are no tags."""
    pieces = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).split("`")
    return "`".join(piece if i % 2 else piece.replace("<", "&lt;") for i, piece in enumerate(pieces))
