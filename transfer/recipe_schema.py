"""The JSON schema of recipes as they are written, for editors: every key, every name, every component's options."""

from __future__ import annotations

import inspect
from typing import Any

from transfer.component_schema import components
from transfer.recipe import RULES, Recipe

__all__ = ["recipe_schema"]

SECTIONS = {"strategy": "strategies", "frontend": "frontends", "extractor": "extractors", "head": "heads"}
REQUIRED = {"required": ["name", "strategy", "target"]}
WHOLE = {
    **REQUIRED,
    "properties": {"strategy": {"required": ["name"]}, "target": {"required": ["corpus"]}},
}
"""What a recipe without `extends` has to say itself."""


def recipe_schema() -> dict[str, Any]:
    """Return a JSON schema (draft 7, which editors know best) of a recipe file.

    It knows what a file can show by itself: keys, kinds of values, names, and the options of the component named. What only
    the whole of a recipe shows (options that exclude each other, corpora that fit) is for `transfer check`. Numbers
    are to be written as numbers, where the loader would take `"3"` and `${oc.env:SEED}` too.

    Example:
        >>> recipe_schema()["properties"]["training"]
        {'$ref': '#/definitions/Training', 'description': 'how the stage of transfer goes'}
    """
    tree = Recipe.model_json_schema()
    definitions = tree.pop("$defs") | components()
    properties = tree["properties"]
    for key, kind in SECTIONS.items():
        properties[key] = {"$ref": f"#/definitions/{kind}", "description": properties[key]["description"]}
    one = {"$ref": "#/definitions/CorpusSection"}
    properties["source"] = {
        "anyOf": [one, {"type": "array", "items": one}],
        "description": properties["source"]["description"],
    }
    properties["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "a recipe, or several, that this one changes: a path relative to this file, or the name of "
        "one that ships with the toolkit",
    }
    _name_what_there_is(definitions)
    for definition in definitions.values():
        definition.pop("required", None)  # a recipe that extends another writes only what differs
    schema: dict[str, Any] = _for_editors(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "A recipe of transfer",
            "type": "object",
            "properties": dict(sorted(properties.items(), key=lambda item: item[0] != "extends")),
            "additionalProperties": False,
            "if": {"not": {"required": ["extends"]}},
            "then": WHOLE,
            "definitions": definitions,
        }
    )
    return schema


def _name_what_there_is(definitions: dict[str, Any]) -> None:
    """Give sections whose models know no names the names that there are."""
    from transfer.data.readers import READERS
    from transfer.evaluation.validators import CRITERIA  # imports torch

    definitions["Selection"]["properties"]["by"]["enum"] = [*RULES, *CRITERIA]
    definitions["Training"]["properties"]["augment"]["items"] = {"$ref": "#/definitions/augmentations"}
    for section in ("CorpusSection", "TargetSection"):
        corpus, reader = (definitions[section]["properties"][key] for key in ("corpus", "reader"))
        pattern = {"type": "string", "pattern": corpus.pop("pattern")}
        corpus["anyOf"] = [{"enum": list(READERS)}, pattern]  # any name is a corpus; those with a reader are offered
        reader["anyOf"] = [{"enum": list(READERS)}, {"type": "null"}]
    del definitions["Component"]


def _for_editors(tree: Any) -> Any:
    """Put pydantic's schema into draft 7, without titles that repeat keys, and each text as its first paragraph."""
    if isinstance(tree, list):
        return [_for_editors(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    found = {key: _for_editors(value) for key, value in tree.items() if key != "title" or not isinstance(value, str)}
    if isinstance(reference := found.get("$ref"), str):
        found["$ref"] = reference.replace("#/$defs/", "#/definitions/")
        found.pop("default", None)  # an editor would write the whole section
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
    if isinstance(text := found.get("description"), str):
        found["description"] = inspect.cleandoc(text).split("\n\n")[0].replace("\n", " ")
    return found
