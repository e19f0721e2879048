"""Metrics of scale scores against audmetric and scikit-learn, and as functions of subject weights."""

import audmetric
import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.evaluation.bootstrap import cluster_interval
from transfer.evaluation.scale_metrics import SCALE_METRICS, ccc, mae, rmse, weighted_scale_metric

PAIRS = st.lists(st.tuples(st.floats(0, 27), st.floats(-5, 32)), min_size=2, max_size=40)
PLAIN = {"ccc": ccc, "mae": mae, "rmse": rmse}


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_metrics_equal_those_of_audmetric_and_scikit_learn(pairs):
    truth, predicted = np.array(pairs).T
    np.testing.assert_allclose(mae(truth, predicted), audmetric.mean_absolute_error(truth, predicted), atol=1e-12)
    np.testing.assert_allclose(rmse(truth, predicted), reference.root_mean_squared_error(truth, predicted), atol=1e-12)
    if max(np.ptp(truth), np.ptp(predicted)) > 1e-3:  # below, both are rounding errors
        np.testing.assert_allclose(ccc(truth, predicted), audmetric.concordance_cc(truth, predicted), atol=1e-7)


def test_agreement_is_one_for_equal_scores_and_falls_with_shift_and_scale_alone():
    truth = np.random.default_rng(0).normal(10, 3, 50)
    assert ccc(truth, truth) == pytest.approx(1)
    assert ccc(truth, 2 * truth.mean() - truth) == pytest.approx(-1)
    assert ccc(truth, truth + 3) < 0.8
    assert ccc(truth, 2 * truth - 10) < 0.9
    assert np.isnan(ccc([0.3, 0.3, 0.3], [0.3, 0.3, 0.3]))


def test_agreement_of_large_numbers_keeps_its_digits():
    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=(2, 50))
    assert ccc(truth + 1e8, predicted + 1e8) == pytest.approx(ccc(truth, predicted), abs=1e-6)


@pytest.mark.parametrize("metric", SCALE_METRICS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), weights=st.lists(st.integers(0, 3), min_size=5, max_size=5).filter(any))
def test_a_weight_is_how_often_a_subject_is_there(metric, seed, weights):
    truth, predicted = np.random.default_rng(seed).normal(5, 2, (2, 20))
    subjects = np.repeat(np.arange(5), 4)[np.random.default_rng(seed).permutation(20)]
    rows = np.concatenate([np.flatnonzero(subjects == s) for s, w in enumerate(weights) for _ in range(w)])
    values = weighted_scale_metric(truth, predicted, subjects, metric)(np.array([weights, np.ones(5)], dtype=float))
    expected = [PLAIN[metric](truth[rows], predicted[rows]), PLAIN[metric](truth, predicted)]
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_intervals_are_over_subjects():
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.normal(10, 4, 12), 30)
    predicted = truth + np.repeat(rng.normal(0, 3, 12), 30)  # every clip of a subject errs the same
    subjects = np.repeat(np.arange(12), 30)
    widths = []
    for codes in (subjects, np.arange(len(truth))):
        statistic = weighted_scale_metric(truth, predicted, codes, "mae")
        low, high = cluster_interval(statistic, np.zeros(int(codes.max()) + 1, dtype=int), bounds=(0, 30))
        assert low < mae(truth, predicted) < high
        widths.append(high - low)
    assert widths[0] > 4 * widths[1]


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [([1.0], [1.0, 2.0], r"shapes \(1,\) and \(2,\)"), ([], [], "one or more"), ([np.nan], [1.0], "not finite")],
)
def test_scores_that_are_none_are_refused(truth, predicted, message):
    for metric in PLAIN.values():
        with pytest.raises(ValueError, match=message):
            metric(truth, predicted)


def test_an_unknown_metric_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'rmse'"):
        weighted_scale_metric([1.0], [1.0], [0], "rms")
