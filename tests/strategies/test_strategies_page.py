"""docs/strategies.md names every strategy, loss and option there is, and its defaults are those of the code."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from losses import LOSSES
from transfer.strategies import STRATEGIES
from transfer.strategies.alignment_loss import GIVEN, AlignmentLoss, asked
from transfer.strategies.named_alignments import NAMED_ALIGNMENTS

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
TITLES = re.split(r"^## ", PAGE, flags=re.M)
# Those without options, and those whose options stand in a table or on a page of their own.
ELSEWHERE = {"scratch", "source_only", "freeze", "alignment", "pytorch_adapt"}
OWN = sorted(set(STRATEGIES) - set(NAMED_ALIGNMENTS) - ELSEWHERE)


def section(name):
    """Return the part of the page about a strategy."""
    title = {"finetune": "Pretraining, then the target"}.get(name, f"`{name}`")
    (found,) = (text for text in TITLES if text.startswith(title))
    return found + (section("finetune") if name == "meta" else section("ddg") if name == "ae" else "")


def test_every_strategy_is_in_the_table_or_among_the_names_of_alignment():
    rows = {name for row in re.findall(r"^\| (`.*?) \|", TITLES[0], re.M) for name in re.findall(r"`(\w+)`", row)}
    assert rows == set(STRATEGIES) - set(NAMED_ALIGNMENTS)
    (names,) = re.findall(r"\*\*Names of their own\.\*\*(.*?)\n\n", PAGE, re.S)
    assert set(NAMED_ALIGNMENTS) <= set(re.findall(r"`(\w+)`", names))


def test_every_loss_is_in_the_table_of_alignments_or_named_as_refused():
    table = set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", section("alignment"), re.M))
    (refused,) = re.findall(r"^(.*) are not alignments", PAGE, re.M)
    usable = {
        n for n, cls in LOSSES.items() if all(p.name in GIVEN or p.default is not p.empty for p in asked(cls).values())
    }
    assert table == usable
    assert set(re.findall(r"`(\w+)`", refused)) == set(LOSSES) - usable


def test_every_key_of_an_alignment_loss_is_explained():
    assert set(re.findall(r"^\| `(\w+)` \|", section("alignment"), re.M)) >= set(AlignmentLoss.model_fields) - {"name"}


@pytest.mark.parametrize("name", OWN)
def test_every_option_is_explained_and_numbers_in_brackets_are_the_defaults(name):
    text = section(name)
    for option, parameter in inspect.signature(STRATEGIES[name]).parameters.items():
        assert re.search(rf"`{option}[`:]", text), option
        stated = re.search(rf"`{option}`\s\(([\d.]+)", text)
        if stated and isinstance(parameter.default, int | float):
            assert float(stated[1]) == parameter.default, option


def test_the_example_is_a_strategy():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    options = yaml.safe_load(text)["strategy"]
    assert STRATEGIES[options.pop("name")](**options).names == ["mmd", "dann", "jmmd"]


def test_the_defaults_of_named_alignments_are_those_of_the_page():
    (names,) = re.findall(r"\*\*Names of their own\.\*\*(.*?)\n\n", PAGE, re.S)
    universal, rest = names.split("at `specific`:", 1)
    specific, special = rest.split(";", 1)
    for name, cls in NAMED_ALIGNMENTS.items():
        plain = AlignmentLoss(name=name)
        if f"`{name}`" in universal:
            assert cls.default == plain
        elif f"`{name}`" in specific:
            assert cls.default == plain.model_copy(update={"level": "specific"})
        else:
            assert f"`{name}`" in special
