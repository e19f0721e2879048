"""What docstrings of this project hold that mkdocstrings does not know, as Markdown: examples, formulas, references by role.

A `griffe` extension: it rewrites the text of each docstring before it is parsed; the sources stay as they are.
Formulas become MathML at build time, so that a page needs no script and no network.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Class, Extension, Function, Module, Object

__all__ = ["AsMarkdown", "as_markdown"]

RECORDS = {"NamedTuple", "BaseModel"}
_DISPLAY = re.compile(r"^( *)\.\. math::\n\n?((?:\1 +.*\n|[ ]*\n)+)", re.MULTILINE)
_INLINE = re.compile(r":math:`([^`]+)`")
_ROLE = re.compile(r":(?:func|class|mod|meth):`~?([\w.]+)`")


def mathml(formula: str, display: str = "inline") -> str:
    """Return a formula as MathML."""
    from latex2mathml.converter import convert

    return str(convert(" ".join(formula.split()), display=display))


def as_markdown(text: str) -> str:
    r"""Return a docstring as Markdown under Google headings.

    Example:
        >>> as_markdown("One.\n\nExample:\n    >>> 1\n    1\n\nShape:\n    (N,)")
        'One.\n\nExamples:\n    >>> 1\n    1\n\n**Shape:** (N,)'
    """
    text = _DISPLAY.sub(lambda m: f"{m[1]}{mathml(m[2], 'block')}\n\n", text + "\n").rstrip()
    text = _INLINE.sub(
        lambda m: f"<span>{mathml(m[1])}</span>", text
    )  # a line may begin with it: a span begins no block
    text = _ROLE.sub(r"`\1`", text)
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    # A paragraph with a bold head: an admonition's coloured box is too loud for a line about axes.
    return re.sub(r"^(Shape|Reference|References):\n((?: {4}.*\n?)+)", _paragraph, text, flags=re.MULTILINE)


def _paragraph(match: re.Match[str]) -> str:
    """Return an indented section as a paragraph that begins with its name in bold."""
    lines = [line[4:] for line in match[2].splitlines()]
    return "\n".join([f"**{match[1]}:** {lines[0]}", *lines[1:]]) + ("\n" if match[2].endswith("\n") else "")


class AsMarkdown(Extension):
    """Rewrites every docstring as it is loaded."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class or function."""
        if obj.docstring and isinstance(obj, Module | Class | Function):
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_class(self, *, cls: Class, **kwargs: Any) -> None:
        """Call the arguments of a record what they are, attributes: its class writes no constructor."""
        if cls.docstring and {str(base) for base in cls.bases} & RECORDS:
            cls.docstring.value = re.sub(r"^Args:$", "Attributes:", cls.docstring.value, flags=re.MULTILINE)
