"""Operating points: found by trying every threshold, on validation alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.evaluation import evaluate
from transfer.evaluation.operating_point import OperatingPoint, choose_points, choose_threshold, point_scores

LEVELS = ("slice", "recording", "subject")


def make(subjects=10, recordings=3, slices=2, *, part="test", shift=0.0, seed=0, several_truths=False):
    """Return a random prediction table, positives higher by some."""
    rng = np.random.default_rng(seed)
    n = subjects * recordings * slices
    subject, rest = np.divmod(np.arange(n), recordings * slices)
    recording, piece = np.divmod(rest, slices)
    truth = (recording if several_truths else subject) % 2
    p = np.clip(rng.beta(2, 4, n) + 0.2 * truth + shift, 0, 1)
    return pd.DataFrame({"p_HC": 1 - p, "p_MDD": p}).assign(
        corpus="c",
        part=part,
        slice=piece,
        recording=[f"{i:02}" for i in recording],
        subject=[f"s{i}" for i in subject],
        truth=np.array(["HC", "MDD"])[truth],
    )


def rates(units, threshold):
    """Return sensitivity and specificity at a threshold, counted."""
    positive, decided = (units["truth"] == "MDD").to_numpy(), (units["p_MDD"] >= threshold).to_numpy()
    return decided[positive].mean(), (~decided[~positive]).mean()


@st.composite
def decisions(draw):
    """Draw units of both classes with tied probabilities."""
    rows = draw(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=2, max_size=25))
    truth = ["HC", "MDD", *("MDD" if y else "HC" for _, y in rows[2:])]
    p = np.array([x / 10 for x, _ in rows])
    return pd.DataFrame({"truth": truth, "p_HC": 1 - p, "p_MDD": p})


@settings(max_examples=60, deadline=None)
@given(decisions())
def test_no_threshold_has_a_higher_youden_j(units):
    point = choose_threshold(units)
    assert (point.sensitivity, point.specificity) == pytest.approx(rates(units, point.threshold))
    best = max(sum(rates(units, threshold)) for threshold in np.linspace(0, 1.05, 22))
    assert point.sensitivity + point.specificity == pytest.approx(best)


@settings(max_examples=60, deadline=None)
@given(decisions(), st.sampled_from([0.1, 0.5, 0.8, 1.0]))
def test_no_threshold_that_reaches_the_sensitivity_is_more_specific(units, aim):
    point = choose_threshold(units, sensitivity=aim)
    assert point.sensitivity >= aim
    assert (point.sensitivity, point.specificity) == pytest.approx(rates(units, point.threshold))
    tried = [rates(units, threshold) for threshold in np.linspace(0, 1.05, 22)]
    assert point.specificity == pytest.approx(max(cleared for found, cleared in tried if found >= aim))


def test_of_equally_good_thresholds_the_one_nearest_a_half_is_taken():
    p = np.array([0.1, 0.4, 0.6, 0.95])  # the first gap errs as often as the last
    units = pd.DataFrame({"truth": ["HC", "MDD", "HC", "MDD"], "p_HC": 1 - p, "p_MDD": p})
    assert choose_threshold(units).threshold == pytest.approx(0.25)
    p = np.array([0.05, 0.1, 0.6, 0.7])
    units = pd.DataFrame({"truth": ["HC", "MDD", "HC", "MDD"], "p_HC": 1 - p, "p_MDD": p})
    assert choose_threshold(units).threshold == pytest.approx(0.65)


def test_the_other_class_can_be_the_positive_one():
    units = pd.DataFrame({"truth": ["HC", "HC", "MDD"], "p_HC": [0.9, 0.4, 0.2], "p_MDD": [0.1, 0.6, 0.8]})
    point = choose_threshold(units, positive="HC")
    assert (point.positive, point.threshold) == ("HC", pytest.approx(0.3))
    with pytest.raises(UserError, match="did you mean 'MDD'"):
        choose_threshold(units, positive="MD")


def test_nothing_is_chosen_where_a_class_is_lacking_or_there_are_three():
    table = make(part="valid")
    assert choose_points(table[table["truth"] == "HC"]) == {}
    assert choose_points(table.assign(p_HC=table["p_HC"], p_other=0.0)) == {}
    assert list(choose_points(table)) == list(LEVELS)
    assert list(choose_points(make(part="valid", several_truths=True))) == ["slice", "recording"]


def test_scores_at_the_point_are_counted_ones():
    valid, test = make(part="valid", seed=1), make(seed=2)
    points = choose_points(valid)
    scores = evaluate(test, points=points, prevalence=0.1, draws=50)
    for level, keys in zip(
        LEVELS, (["subject", "recording", "slice"], ["subject", "recording"], ["subject"]), strict=True
    ):
        units = test.groupby([*keys, "truth"])["p_MDD"].mean().reset_index()
        found, cleared = rates(units, points[level].threshold)
        at = scores[level]["operating_point"]
        assert (at["sensitivity"], at["specificity"]) == pytest.approx((found, cleared))
        assert at["ppv"] == pytest.approx(found * 0.1 / (found * 0.1 + (1 - cleared) * 0.9))
        assert at["prevalence"] == 0.1
        assert at["sensitivity_ci"][0] <= at["sensitivity"] <= at["sensitivity_ci"][1]
        own = valid.groupby([*keys, "truth"])["p_MDD"].mean().reset_index()
        assert at["validation"]["sensitivity"] == pytest.approx(rates(own, points[level].threshold)[0])


def test_a_model_that_is_shifted_finds_patients_at_its_point_that_it_misses_at_a_half():
    points = choose_points(make(seed=3, shift=-0.3, part="valid"))
    scores = evaluate(make(seed=4, shift=-0.3), points=points, draws=50)["subject"]
    assert scores["sensitivity"] == 0
    assert scores["operating_point"]["sensitivity"] > 0.7
    assert scores["operating_point"]["specificity"] > 0.7


def test_a_class_that_is_lacking_in_the_test_part_has_no_rate():
    units = make()[lambda t: t["truth"] == "HC"]
    scores = point_scores(units, OperatingPoint("MDD", 0.5, "Youden's J", 1.0, 1.0), level="slice", draws=20)
    assert scores["sensitivity"] is None
    assert scores["sensitivity_ci"] is None
    assert scores["ppv"] is None
    assert scores["specificity"] is not None
