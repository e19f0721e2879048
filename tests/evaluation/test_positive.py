"""Which class sensitivity is about."""

import pytest

from transfer.errors import UserError
from transfer.evaluation.positive import named_positive, positive_class


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["HC", "MDD"], "MDD"),
        (["mdd", "hc"], "mdd"),
        (["Depressed", "not depressed"], "Depressed"),
        (["Patient", "control"], "Patient"),
        (["depressiv", "gesund"], "depressiv"),
        (["Patient", "Kontrolle"], "Patient"),
        (["Burnout", "Kontrollen"], "Burnout"),
        (["健康", "抑郁"], "抑郁"),
        (["0", "1"], "1"),
        (["anger", "calm"], "calm"),
    ],
)
def test_the_positive_class_is_the_one_named_like_a_patient_else_the_last(classes, expected):
    assert positive_class(classes) == expected
    assert positive_class(classes, classes[0]) == classes[0]


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(UserError, match="did you mean 'MDD'"):
        positive_class(["HC", "MDD"], "MD")


@pytest.mark.parametrize(
    "classes", [["anger", "calm"], ["a", "hc", "nc"], ["control", "healthy"], ["calm", "neutral", "sad"]]
)
def test_names_that_do_not_say_are_not_guessed_at(classes):
    assert named_positive(classes) is None
    assert positive_class(classes) == classes[-1]
