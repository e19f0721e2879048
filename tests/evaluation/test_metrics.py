"""Metrics of decisions against scikit-learn and audmetric."""

import audmetric
import numpy as np
import pandas as pd
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.evaluation.metrics import (
    accuracy,
    confusion,
    confusion_by_subject,
    f1_scores,
    macro_f1,
    precisions,
    recalls,
    uar,
)


@st.composite
def tables(draw, most_classes=5):
    """Draw tables in which classes may be missing from the truth, from the decisions, or from both."""
    k = draw(st.integers(2, most_classes))
    n = draw(st.integers(1, 30))
    used = draw(st.lists(st.integers(0, k - 1), min_size=1, unique=True))
    truth = draw(st.lists(st.sampled_from(used), min_size=n, max_size=n))
    decided = draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    p = np.full((n, k), 0.1) + np.eye(k)[decided]
    names = [f"c{i}" for i in reversed(range(k))]
    frame = pd.DataFrame(p / p.sum(axis=1, keepdims=True), columns=[f"p_{name}" for name in names])
    return frame.assign(truth=[names[i] for i in truth]), truth, decided, k


@settings(max_examples=60, deadline=None)
@given(tables())
def test_metrics_equal_those_of_scikit_learn(drawn):
    table, truth, decided, k = drawn
    counts = confusion(table)
    np.testing.assert_array_equal(counts, reference.confusion_matrix(truth, decided, labels=range(k)))
    present = sorted(set(truth))
    expected = reference.recall_score(truth, decided, labels=present, average="macro", zero_division=0)
    np.testing.assert_allclose(uar(counts), expected)
    np.testing.assert_allclose(accuracy(counts), reference.accuracy_score(truth, decided))
    np.testing.assert_allclose(macro_f1(counts), reference.f1_score(truth, decided, average="macro", zero_division=0))
    p, r, f, _ = reference.precision_recall_fscore_support(truth, decided, labels=range(k), zero_division=np.nan)
    np.testing.assert_allclose(precisions(counts), p)
    np.testing.assert_allclose(recalls(counts), r)
    np.testing.assert_allclose(f1_scores(counts), f)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_metrics_equal_those_of_audmetric(drawn):
    table, truth, decided, k = drawn
    counts, labels = confusion(table), list(range(k))
    np.testing.assert_array_equal(counts, audmetric.confusion_matrix(truth, decided, labels=labels))
    np.testing.assert_allclose(accuracy(counts), audmetric.accuracy(truth, decided))
    present = np.unique(truth)  # audmetric counts a class without units as a recall of 0, we leave it out
    by_class = [
        (recalls, audmetric.recall_per_class),
        (precisions, audmetric.precision_per_class),
        (f1_scores, audmetric.fscore_per_class),
    ]
    for ours, theirs in by_class:
        expected = theirs(truth, decided, labels=labels, zero_division=np.nan)
        np.testing.assert_allclose(ours(counts), [expected[label] for label in labels])
    theirs = audmetric.recall_per_class(truth, decided, labels=labels, zero_division=0)
    np.testing.assert_allclose(uar(counts), np.mean([theirs[label] for label in present]))
    if len(present) == k:
        np.testing.assert_allclose(uar(counts), audmetric.unweighted_average_recall(truth, decided, labels=labels))
        np.testing.assert_allclose(macro_f1(counts), audmetric.unweighted_average_fscore(truth, decided, labels=labels))


def test_metrics_take_batches_of_counts():
    counts = np.random.default_rng(0).integers(0, 9, (7, 3, 4, 4)).astype(float)
    for metric in (uar, accuracy, macro_f1):
        expected = [[float(metric(one)) for one in row] for row in counts]
        np.testing.assert_allclose(metric(counts), expected)


def test_counts_of_subjects_add_up_and_are_sorted_by_name():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 40)
    table = pd.DataFrame(p, columns=["p_a", "p_b", "p_c"]).assign(
        corpus="c", truth=rng.choice(["a", "b", "c"], 40), subject=rng.choice(["s2", "s1", "s0"], 40)
    )
    counts = confusion_by_subject(table)
    np.testing.assert_array_equal(counts.sum(axis=0), confusion(table))
    for s, name in enumerate(["s0", "s1", "s2"]):
        np.testing.assert_array_equal(counts[s], confusion(table[table["subject"] == name]))
