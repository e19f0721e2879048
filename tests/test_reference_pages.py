"""The reference has a place for every name that is public, and docstrings come out of the site's extension as Markdown."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

import feature_extractors
import losses
import transfer
from transfer.build import registries

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(r"^::: ([\w.]+)(?:\n    options:\n      members: \[([^\]]*)\])?", re.MULTILINE)


@pytest.fixture(scope="module")
def shown():
    """Return module -> the members that the reference shows of it; none means all."""
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))
    found = {}
    for page in pages:
        for module, members in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            assert module not in found, f"{module} stands on two pages"
            found[module] = set(members.split(", ")) if members else None
    return found


def stands(cls, shown):
    """Tell whether a class or function, or the class that it only sets a default of, is shown."""
    homes = [cls, *getattr(cls, "__mro__", ())[1:2]] if cls.__module__.endswith("named_alignments") else [cls]
    return any(
        home.__module__ in shown and (shown[home.__module__] is None or home.__name__ in shown[home.__module__])
        for home in homes
    )


def test_every_component_that_a_recipe_can_name_has_its_place(shown):
    classes = {(kind, name): cls for kind, table in registries().items() for name, cls in table.items()}
    assert len(classes) > 80
    missing = [place for place, cls in classes.items() if not stands(cls, shown)]
    assert missing == [], "add `::: <module>` to a page of docs/reference/"


@pytest.mark.parametrize("package", [losses, feature_extractors, transfer], ids=lambda p: p.__name__)
def test_every_public_name_of_a_package_has_its_place(shown, package):
    public = {name: getattr(package, name) for name in package.__all__}
    missing = [name for name, thing in public.items() if callable(thing) and not stands(thing, shown)]
    assert public
    assert missing == [], "add `::: <module>` to a page of docs/reference/"


def test_every_page_stands_in_the_navigation_once():
    text = (ROOT / ".mkdocs" / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"[\w/]+\.md\b", yaml.safe_dump(yaml.safe_load(text)["nav"]))
    assert len(listed) == len(set(listed))
    docs = ROOT / "docs"
    assert set(listed) == {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}


@pytest.fixture(scope="module")
def as_markdown():
    pytest.importorskip("griffe")
    spec = importlib.util.spec_from_file_location("docstrings", ROOT / ".mkdocs" / "docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.as_markdown


def test_a_docstring_becomes_markdown(as_markdown):
    text = as_markdown(losses.CORAL.__doc__.replace("\n    ", "\n") + "\nReferences:\n    One.\n    Two.\n")
    assert "see `coral`" in text
    assert "\n**Shape:** source (n, d), target (m, d); the result is a scalar.\n" in text
    assert "\nExamples:\n    >>> import torch\n" in text
    assert "**References:** One.\nTwo." in text


def test_formulas_become_mathml_without_a_script(as_markdown):
    text = as_markdown("One.\n\n.. math::\n    L = \\frac{1}{2} x\n\nand :math:`x_i` alike.\n")
    assert 'display="block"><mrow><mi>L</mi>' in text
    assert "<mfrac>" in text
    assert "and <span><math" in text
    assert "math::" not in text
    assert ":math:" not in text
