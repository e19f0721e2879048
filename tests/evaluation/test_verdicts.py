"""Verdicts in words."""

import pytest

from transfer.evaluation.verdicts import gain_sentence, negative_warning, verdict_of


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ([0.01, 0.2], "positive"),
        ([0.0, 0.2], "inconclusive"),
        ([-0.1, 0.0], "inconclusive"),
        ([-0.2, -0.01], "negative"),
        (None, "inconclusive"),
    ],
)
def test_an_interval_that_holds_zero_is_no_verdict(interval, verdict):
    assert verdict_of(interval) == verdict


def test_a_sentence_says_what_it_rests_on():
    gain = {"value": -0.08, "interval": [-0.15, -0.01], "p_holm": 0.0001, "verdict": "negative"}
    said = gain_sentence("mmd", "scratch", gain, subjects=6, seeds=1, marks=["synthetic"])
    assert said == "mmd gains -0.08 [-0.15, -0.01] over scratch (p < 0.001 after Holm; 6 subjects, 1 seed): negative."
    assert "at least 0.010 lower" in negative_warning("mmd", "scratch", gain)


@pytest.mark.parametrize(("p", "alone"), [(0.2, True), (0.04, False), (None, False)])
def test_a_verdict_that_holms_correction_does_not_bear_out_says_so(p, alone):
    gain = {"value": 0.08, "interval": [0.01, 0.15], "p_holm": p, "verdict": "positive"}
    said = gain_sentence("mmd", "scratch", gain, subjects=6, seeds=1, marks=[])
    assert ("By its interval alone" in said) is alone
    no_gain = gain_sentence("mmd", "scratch", {**gain, "verdict": "inconclusive"}, subjects=6, seeds=1, marks=[])
    assert "By its interval alone" not in no_gain


def test_what_is_dishonest_is_said_so_and_what_is_not_defined_too():
    gain = {"value": 0.3, "interval": None, "p_holm": None, "verdict": "inconclusive"}
    said = gain_sentence("ddg", "scratch", gain, subjects=1, seeds=2, marks=["leaking", "oracle-selected", "synthetic"])
    assert said == (
        "ddg gains +0.30 over scratch (no p-value; 1 subject, 2 seeds): inconclusive. "
        "It is leaking and oracle-selected: not a result to report."
    )
