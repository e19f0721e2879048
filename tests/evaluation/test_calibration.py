"""Brier scores against scikit-learn, calibration errors against a loop over bins."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.evaluation.calibration import brier, calibration_error, confidence_error, multiclass_brier


def by_loop(p, happened, bins):
    """Return the calibration error, bin after bin."""
    total = 0.0
    for b in range(bins):
        inside = [i for i, x in enumerate(p) if (b / bins < x or (b == 0 and x == 0)) and x <= (b + 1) / bins]
        if inside:
            total += len(inside) * abs(np.mean([p[i] for i in inside]) - np.mean([happened[i] for i in inside]))
    return total / len(p)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 20).map(lambda i: i / 20), st.floats(0, 1)), st.booleans()), min_size=1
    ),
    st.sampled_from([1, 5, 10, 15]),
)
def test_the_calibration_error_is_that_of_a_loop_also_on_the_edges_of_bins(pairs, bins):
    p, happened = [x for x, _ in pairs], [y for _, y in pairs]
    np.testing.assert_allclose(calibration_error(p, happened, bins=bins), by_loop(p, happened, bins), atol=1e-12)


def test_probabilities_that_come_true_are_calibrated_and_overconfident_ones_are_not():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    happened = rng.random(len(p)) < p
    assert calibration_error(p, happened) < 0.005
    sharper = np.where(p > 0.5, 1.0, 0.0)
    assert calibration_error(sharper, happened) == pytest.approx(0.25, abs=0.01)  # E|1 - p| for p > 0.5


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5), n=st.integers(1, 30))
def test_brier_scores_equal_those_of_scikit_learn(seed, k, n):
    rng = np.random.default_rng(seed)
    p, truth = rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)
    expected = reference.brier_score_loss(truth, p, labels=list(range(k)), scale_by_half=False)
    np.testing.assert_allclose(multiclass_brier(p, truth), expected)
    if k == 2:
        np.testing.assert_allclose(2 * brier(p[:, 1], truth == 1), expected)
        halved = reference.brier_score_loss(truth, p[:, 1], labels=[0, 1])
        np.testing.assert_allclose(brier(p[:, 1], truth == 1), halved)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5), n=st.integers(1, 30))
def test_the_confidence_error_is_about_the_class_decided(seed, k, n):
    rng = np.random.default_rng(seed)
    p, truth = rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)
    confidence = [max(row) for row in p]
    right = [int(np.argmax(row)) == y for row, y in zip(p, truth, strict=True)]
    np.testing.assert_allclose(confidence_error(p, truth), by_loop(confidence, right, 10), atol=1e-12)
    order = rng.permutation(n)
    np.testing.assert_allclose(confidence_error(p[order], truth[order]), confidence_error(p, truth))


def test_less_than_one_bin_is_refused():
    with pytest.raises(ValueError, match="bins is 0; expected 1 or more"):
        calibration_error([0.5], [True], bins=0)
