"""Metrics of two classes against scikit-learn, and predictive values against counted people."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.evaluation.binary import auc, average_precision, predictive_values

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_areas_equal_those_of_scikit_learn_with_ties(pairs):
    scores, positive = np.array([s / 5 for s, _ in pairs]), np.array([y for _, y in pairs])
    if len(set(positive)) == 2:
        np.testing.assert_allclose(auc(scores, positive), reference.roc_auc_score(positive, scores))
        np.testing.assert_allclose(auc(1 - scores, positive), 1 - auc(scores, positive))
    else:
        assert np.isnan(auc(scores, positive))
    if positive.any():
        expected = reference.average_precision_score(positive, scores)
        np.testing.assert_allclose(average_precision(scores, positive), expected)
    else:
        assert np.isnan(average_precision(scores, positive))


@settings(max_examples=30, deadline=None)
@given(PAIRS, st.integers(0, 10**6))
def test_areas_do_not_depend_on_the_order_of_units(pairs, seed):
    scores, positive = np.array([s / 5 for s, _ in pairs]), np.array([y for _, y in pairs])
    order = np.random.default_rng(seed).permutation(len(pairs))
    for area in (auc, average_precision):
        np.testing.assert_equal(area(scores[order], positive[order]), area(scores, positive))


def test_scores_that_say_nothing_get_the_share_of_positives():
    positive = np.arange(10) < 3
    assert average_precision(np.full(10, 0.5), positive) == pytest.approx(0.3)
    assert auc(np.full(10, 0.5), positive) == 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_predictive_values_are_those_of_counted_people(tp, fn, fp, tn):
    """Bayes' formula at the prevalence of a table has to give that table's own shares."""
    if not (tp + fn and fp + tn):
        return
    prevalence = (tp + fn) / (tp + fn + fp + tn)
    ppv, npv = predictive_values(tp / (tp + fn), tn / (tn + fp), prevalence)
    np.testing.assert_allclose(ppv, tp / (tp + fp) if tp + fp else np.nan)
    np.testing.assert_allclose(npv, tn / (tn + fn) if tn + fn else np.nan)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1), st.floats(0.05, 0.95), st.floats(0.01, 0.99))
def test_predictive_values_obey_bayes_in_odds(sensitivity, specificity, prevalence):
    """Posterior odds are prior odds times the likelihood ratio, another way to write the formula."""
    ppv, npv = predictive_values(sensitivity, specificity, prevalence)
    odds = prevalence / (1 - prevalence) * sensitivity / (1 - specificity)
    against = (1 - prevalence) / prevalence * specificity / max(1 - sensitivity, 1e-300)
    np.testing.assert_allclose(ppv, odds / (1 + odds))
    np.testing.assert_allclose(npv, 1 - 1 / (1 + against), atol=1e-12)
