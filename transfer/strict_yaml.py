"""YAML from strangers: the safe loader, and none of what makes small files large or says one thing twice.

Refused are tags, keys that are written twice, nesting deeper than `DEEPEST`, texts longer than `LONGEST`, aliases (or, where
they are admitted, those that refer to themselves or unfold into more than `MOST` nodes), and scalars that only look like
numbers or dates.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["YamlError", "read_yaml"]

LONGEST = 200_000  # characters; the parser reads some 50 000 a second
DEEPEST = 40
MOST = 200_000  # nodes, aliases unfolded


class YamlError(ValueError):
    """A text that is no YAML, or YAML that is refused; says the line where it can."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which counts how deep it is and reads no tags."""

    def __init__(self, text: str, aliases: bool) -> None:
        super().__init__(text)
        self.aliases, self.depth = aliases, 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node, unless it is refused."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and not self.aliases:
            raise YamlError(f"{_line(event)}aliases (*name) are not allowed; write the value out")
        if getattr(event, "tag", None) is not None:
            raise YamlError(f"{_line(event)}the tag {event.tag!r} is not allowed; write the value without it")
        self.depth += 1
        if self.depth > DEEPEST:
            raise YamlError(f"{_line(event)}nested more than {DEEPEST} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


# YAML 1.1 reads 1e-3 as a text and 1.0e-3 as a number; people who write a learning rate mean the same by both.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(text: str, *, aliases: bool = False, longest: int = LONGEST) -> tuple[Any, yaml.Node | None]:
    r"""Return what a text says, and its nodes, which know their lines.

    Args:
        text: one YAML document.
        aliases: whether `*name` may repeat what `&name` marks.
        longest: characters that are read at most.

    Raises:
        YamlError: for what is no YAML or is refused.

    Example:
        >>> read_yaml("a: [1, b]")[0]
        {'a': [1, 'b']}
        >>> read_yaml("a: &x [1]\nb: *x")
        Traceback (most recent call last):
        ...
        transfer.strict_yaml.YamlError: line 2: aliases (*name) are not allowed; write the value out
    """
    if len(text) > longest:
        raise YamlError(f"{len(text)} characters; at most {longest} are read")
    try:
        loader = _Loader(text, aliases)
        node: Any = loader.get_single_node()
        if node is None:
            return None, None
        _unfold(node, {})
        return loader.construct_document(node), node
    except YamlError:
        raise
    except (yaml.YAMLError, RecursionError) as error:
        hint = "; indent with blanks, not tabs" if "\\t" in str(error) else ""
        raise YamlError(f"not readable as YAML: {error}{hint}") from error
    except (ValueError, TypeError, OverflowError, KeyError, IndexError, AttributeError) as error:
        raise YamlError(f"a value looks like a number or a date and is none ({error}); put it in quotes") from error


def _unfold(node: Any, sizes: dict[int, int]) -> int:
    """Return the nodes that a node unfolds into; refuse keys written twice, and aliases without end."""
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise YamlError(f"{_line(node)}an alias refers to what it stands in")
        return sizes[id(node)]
    sizes[id(node)] = 0
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
    parts += node.value if isinstance(node, yaml.SequenceNode) else []
    _refuse_repeated_keys(node)
    sizes[id(node)] = size = 1 + sum(_unfold(part, sizes) for part in parts)
    if size > MOST:
        raise YamlError(f"{_line(node)}its aliases unfold into more than {MOST} nodes")
    return size


def _refuse_repeated_keys(node: yaml.Node) -> None:
    """Refuse a mapping that says one thing twice."""
    seen = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                raise YamlError(f"{_line(key)}key {key.value!r} is written twice")
            seen.add((key.tag, key.value))


def _line(place: Any) -> str:
    """Say where something stands."""
    return f"line {place.start_mark.line + 1}: "
