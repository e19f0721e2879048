"""What a sweep may set: read safely, refused by key and line."""

import pytest

from transfer.errors import RecipeError
from transfer.space import Range, Space, load_space


def test_whole_numbers_stay_whole_and_text_that_is_a_number_is_one():
    space = Space(
        {"a": {"low": 16, "high": 64, "step": 16}, "b": {"low": "1e-4", "high": 1, "log": True}, "c": ["x", None]}
    )
    drawn = space.distributions()
    assert [type(one).__name__ for one in drawn.values()] == [
        "IntDistribution",
        "FloatDistribution",
        "CategoricalDistribution",
    ]
    assert (drawn["a"].step, drawn["b"].low, drawn["b"].log, drawn["c"].choices) == (16, 1e-4, True, ("x", None))


def test_corners_hold_every_end_and_every_choice():
    corners = Space({"a": {"low": 1, "high": 2}, "b": ["x", "y", "z"]}).corners()
    assert corners == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 2, "b": "z"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {low: 2, high: 1}", r"space\.yaml:1: a: .*expected low below high, got 2 and 1"),
        ("a: {low: 0, high: 1, log: true}", "log needs low above 0"),
        ("a: {low: 0, high: 1, step: 3}", "a step above 0 and within the range"),
        ("a: {low: true, high: 2}", r"a\.low: .*expected a number"),
        ("a: {low: many, high: 2}", r"a\.low: .*could not convert"),
        ("a: {low: 0, high: 1, lgo: true}", r"a\.lgo: Extra inputs"),
        ("a: [1]", "a: List should have at least 2 items"),
        ("a: 3", "a: .*"),
        ("{}", "at least 1 item"),
        ("a: !!python/object/apply:os.system [ls]", "is not allowed"),
    ],
)
def test_a_mistake_in_a_space_is_named(text, message, tmp_path):
    (tmp_path / "space.yaml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_space(tmp_path / "space.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"no file .*space\.yaml"):
        load_space(tmp_path / "space.yaml")


def test_numbers_drawn_evenly_in_the_logarithm_need_no_step():
    assert Range(low=1, high=8, log=True).distribution().log
