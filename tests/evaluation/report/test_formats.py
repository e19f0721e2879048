"""The ranking as text: the numbers of the result, and names that no program runs."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer.evaluation.report import render
from transfer.evaluation.report.formats import to_csv, to_latex, to_markdown


@pytest.fixture(scope="module")
def result(comparison_folder):
    return json.loads((comparison_folder / "comparison.json").read_text())


def named(name):
    """Return a result of one system."""
    row = {"name": name, "rank": 1, "score": 0.5, "interval": [0.4, 0.6], "sentence": ""}
    return {"systems": [row], "metric": "uar", "level": "subject", "baseline": None, "chance": None, "subjects": 3}


def test_csv_has_every_number_unrounded(comparison_folder, result):
    rows = list(csv.DictReader(io.StringIO(render(comparison_folder, "csv"))))
    assert [row["name"] for row in rows] == [system["name"] for system in result["systems"]]
    for row, system in zip(rows, result["systems"], strict=True):
        assert float(row["score"]) == system["score"]
        assert [float(row["score_low"]), float(row["score_high"])] == system["interval"]
        assert row["rank"] == ("" if system["rank"] is None else str(system["rank"]))
        if system["gain"]:
            assert float(row["gain"]) == system["gain"]["value"]
            assert float(row["p_holm"]) == system["gain"]["p_holm"]


def test_markdown_is_one_table_with_as_many_cells_in_every_row(comparison_folder, result):
    lines = [line for line in render(comparison_folder, "markdown").splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(result["systems"])
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_latex_sets_the_dishonest_apart(comparison_folder):
    text = render(comparison_folder, "latex")
    honest, apart = text.split(r"\midrule")[1:]
    assert "dann" in honest
    assert "ddg" in apart
    assert "leaking" in apart
    assert "0.62 [0.5" in honest


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r\n=1", " =1"])
def test_a_formula_in_a_name_is_text_in_a_spreadsheet(name):
    (row,) = csv.DictReader(io.StringIO(to_csv(named(name))))
    assert row["name"].startswith("'")


def test_negative_numbers_stay_numbers():
    result = named("a")
    result["systems"][0] |= {"gain": {"value": -0.25, "interval": [-0.5, -0.1]}}
    (row,) = csv.DictReader(io.StringIO(to_csv(result)))
    assert float(row["gain"]) == -0.25


@given(st.text())
def test_no_name_breaks_out_of_its_cell(name):
    (row,) = csv.DictReader(io.StringIO(to_csv(named(name))))
    assert row["name"].removeprefix("'") == " ".join(name.split()).removeprefix("'")
    lines = [line for line in to_markdown(named(name)).split("\n") if line.startswith("| 1")]
    (line,) = lines
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 6
    assert not re.search(r"(?<!\\)(?:\\\\)*<", line)
    (line,) = [line for line in to_latex(named(name)).split("\n") if line.startswith("1 ")]
    assert len(re.findall(r"(?<!\\)&", line)) == 4
    assert not re.search(r"(?<!\\)[%$#_]", line)


def test_latex_commands_in_a_name_are_printed_and_not_run():
    text = to_latex(named(r"\input{/etc/passwd}"))
    assert r"\textbackslash{}input\{/etc/passwd\}" in text
