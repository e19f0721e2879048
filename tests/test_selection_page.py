"""docs/selection.md names every rule, every criterion and everything that pytorch-adapt has."""

import re
import warnings
from pathlib import Path

import pytest

from transfer.evaluation.validators import CRITERIA
from transfer.recipe import RULES

PAGE = (Path(__file__).parents[1] / "docs" / "selection.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_every_criterion_and_no_other():
    section = PAGE.split("## Criteria without target labels")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(CRITERIA)
    assert all(f"| `{rule}` |" in PAGE for rule in RULES)


def test_the_page_says_what_became_of_every_validator_of_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports warns of its own dependencies
        theirs = pytest.importorskip("pytorch_adapt.validators")
    exported = {name for name in dir(theirs) if name.endswith("Validator") or name.startswith(("Score", "Multiple"))}
    assert len(exported) > 15
    assert {name for name in exported if f"`{name}`" not in PAGE} == set()
