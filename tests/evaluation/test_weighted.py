"""Metrics of weighted subjects: a weight of two is a subject that is there twice."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.evaluation.weighted import METRICS, weighted_metric


def make(seed, subjects=5, units=6, classes=2):
    """Return random units; probabilities in steps of a tenth, so that scores tie."""
    rng = np.random.default_rng(seed)
    names = [f"c{k}" for k in range(classes)]
    p = rng.multinomial(10, np.ones(classes) / classes, subjects * units) / 10
    frame = pd.DataFrame(p, columns=[f"p_{name}" for name in names])
    subject = np.repeat([f"s{i}" for i in range(subjects)], units)
    return frame.assign(corpus="c", subject=subject, truth=rng.choice(names, len(p)))


def by_scikit_learn(metric, units):
    """Return a metric of a table, computed by scikit-learn."""
    names = [name[2:] for name in units.columns if name.startswith("p_")]
    p = units[[f"p_{name}" for name in names]].to_numpy()
    truth, decided = units["truth"].to_numpy(), np.array(names)[p.argmax(axis=1)]
    positive = (truth == "c1").astype(int)
    if metric in ("auc", "sensitivity", "specificity") and len(set(positive)) == 1:
        return np.nan
    if metric == "pr_auc" and not positive.any():
        return np.nan
    return {
        "uar": lambda: reference.recall_score(truth, decided, labels=sorted(set(truth)), average="macro"),
        "accuracy": lambda: reference.accuracy_score(truth, decided),
        "macro_f1": lambda: reference.f1_score(truth, decided, average="macro"),
        "sensitivity": lambda: reference.recall_score(truth, decided, pos_label="c1"),
        "specificity": lambda: reference.recall_score(truth, decided, pos_label="c0"),
        "auc": lambda: reference.roc_auc_score(positive, p[:, 1]),
        "pr_auc": lambda: reference.average_precision_score(positive, p[:, 1]),
        "brier": lambda: np.mean((p[:, 1] - positive) ** 2),
    }[metric]()


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), weights=st.lists(st.integers(0, 3), min_size=5, max_size=5).filter(any))
def test_a_weight_is_how_often_a_subject_is_there(metric, seed, weights):
    units = make(seed)
    repeated = pd.concat([units[units["subject"] == f"s{i}"] for i, w in enumerate(weights) for _ in range(w)])
    expected = by_scikit_learn(metric, repeated)
    if metric in ("sensitivity", "specificity") and np.isnan(expected):
        return  # scikit-learn leaves one of the two undefined, and which is another test
    values = weighted_metric(units, metric)(np.array([weights, np.ones(5)], dtype=float))
    np.testing.assert_allclose(values, [expected, by_scikit_learn(metric, units)])


@pytest.mark.parametrize("metric", METRICS)
def test_per_subject_is_the_weighted_mean_of_the_subjects_own_metrics(metric):
    units = make(3, units=12)
    own = [by_scikit_learn(metric, units[units["subject"] == f"s{i}"]) for i in range(5)]
    weights = np.array([[1, 1, 1, 1, 1], [4, 0, 0, 1, 0]], dtype=float)
    values = weighted_metric(units, metric, per_subject=True)(weights)
    np.testing.assert_allclose(values, [np.mean(own), (4 * own[0] + own[3]) / 5])


@pytest.mark.parametrize(("metric", "other"), [("sensitivity", "specificity"), ("auc", "auc"), ("brier", "brier")])
def test_the_positive_class_can_be_the_first(metric, other):
    units, weights = make(3), np.array([[1, 2, 0, 1, 1]], dtype=float)
    first = weighted_metric(units, metric, positive="c0")(weights)
    np.testing.assert_allclose(first, weighted_metric(units, other, positive="c1")(weights))
    assert weighted_metric(units, "sensitivity", positive="c0")(weights) != weighted_metric(units, "sensitivity")(
        weights
    )


def test_a_subject_whose_own_metric_is_undefined_does_not_weigh():
    units = make(3, units=12)
    units.loc[units["subject"] == "s0", "truth"] = "c0"  # no positives: its AUC is not defined
    own = [by_scikit_learn("auc", units[units["subject"] == f"s{i}"]) for i in range(1, 5)]
    statistic = weighted_metric(units, "auc", per_subject=True)
    np.testing.assert_allclose(statistic(np.ones((1, 5))), np.mean(own))
    assert np.isnan(statistic(np.eye(5)[:1]))


@pytest.mark.parametrize("metric", ["sensitivity", "auc", "pr_auc", "brier"])
def test_a_metric_of_two_classes_is_refused_for_three(metric):
    with pytest.raises(UserError, match="for two classes, got 3"):
        weighted_metric(make(0, classes=3), metric)


def test_an_unknown_metric_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'uar'"):
        weighted_metric(make(0), "uarr")


def test_an_average_precision_too_large_for_memory_is_computed_in_parts(monkeypatch):
    weights = np.random.default_rng(0).integers(0, 3, (50, 5)).astype(float)
    whole = weighted_metric(make(3), "pr_auc")(weights)
    monkeypatch.setattr("transfer.evaluation.weighted._CELLS", 20)
    np.testing.assert_array_equal(weighted_metric(make(3), "pr_auc")(weights), whole)
