"""Intervals hold what they promise: coverage by simulation, against the slice-level resampling that does not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transfer.errors import UserError
from transfer.evaluation.bootstrap import bootstrap_interval, cluster_interval, decision_interval
from transfer.evaluation.metrics import confusion, recalls, uar
from transfer.evaluation.weighted import METRICS, count_metric

RECALLS = (0.75, 0.6)


def make(subjects=12, recordings=4, slices=3, classes=("HC", "MDD"), *, several_truths=False, seed=0, skill=1.0):
    """Return a random prediction table whose subjects differ in how well they are recognised."""
    rng = np.random.default_rng(seed)
    n, k = subjects * recordings * slices, len(classes)
    subject, rest = np.divmod(np.arange(n), recordings * slices)
    recording, piece = np.divmod(rest, slices)
    truth = (recording if several_truths else subject) % k
    logits = rng.normal(size=(n, k)) + rng.normal(size=(subjects, k))[subject] + skill * np.eye(k)[truth]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(p, columns=[f"p_{name}" for name in classes])
    return frame.assign(
        corpus="c",
        part="test",
        slice=piece,
        recording=[f"{i:02}" for i in recording],
        subject=[f"s{i:02}" for i in subject],
        truth=np.array(classes)[truth],
    )


def simulated_counts(rng, subjects, slices, spread=6.0):
    """Return confusion counts (2 * subjects, 2, 2): each class has so many subjects, who differ in their recall."""
    counts = np.zeros((2 * subjects, 2, 2))
    for k, recall in enumerate(RECALLS):
        own = rng.beta(recall * spread, (1 - recall) * spread, subjects)
        rows = slice(k * subjects, (k + 1) * subjects)
        counts[rows, k, k] = rng.binomial(slices, own)
        counts[rows, k, 1 - k] = slices - counts[rows, k, k]
    return counts


def coverage(intervals):
    """Return the share of intervals that hold the true UAR."""
    return np.mean([low <= np.mean(RECALLS) <= high for low, high in intervals])


def test_clustered_intervals_cover_as_promised_and_slice_level_resampling_does_not():
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    for _ in range(400):
        counts = simulated_counts(rng, subjects=20, slices=15)
        strata = np.repeat([0, 1], 20)
        ours.append(cluster_interval(lambda w, c=counts: uar(np.tensordot(w, c, axes=1)), strata, draws=300, rng=rng))
        # Slices resampled within their class are binomial draws of the share that was right.
        share = np.diagonal(counts.sum(axis=0)) / 300
        draws = rng.binomial(300, share, size=(300, 2)).mean(axis=1) / 300
        theirs.append(np.quantile(draws, [0.025, 0.975]))
    assert 0.92 <= coverage(ours) <= 0.97
    assert coverage(theirs) < 0.80


@pytest.mark.parametrize(("subjects", "least"), [(2, 0.9), (5, 0.92)])
def test_intervals_of_few_subjects_cover_where_percentiles_fall_short(subjects, least):
    rng = np.random.default_rng(2)
    ours, percentile = [], []
    for _ in range(400):
        counts = simulated_counts(rng, subjects=subjects, slices=30)
        strata = np.repeat([0, 1], subjects)
        ours.append(cluster_interval(lambda w, c=counts: uar(np.tensordot(w, c, axes=1)), strata, draws=200, rng=rng))
        draws = [rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=200) for _ in range(2)]
        percentile.append(np.quantile(uar(np.tensordot(np.hstack(draws), counts, axes=1)), [0.025, 0.975]))
    assert coverage(ours) >= least
    assert coverage(percentile) < 0.9


@pytest.mark.parametrize("subjects", [5, 20])
def test_intervals_of_one_decision_a_subject_cover_as_promised(subjects):
    rng = np.random.default_rng(3)
    intervals = []
    for _ in range(400):
        counts = simulated_counts(rng, subjects, slices=1).sum(axis=0)
        intervals.append(decision_interval(uar, counts, draws=300, rng=rng))
    assert 0.92 <= coverage(intervals) <= 0.975


@pytest.mark.parametrize("classes", [2, 4])
def test_decisions_of_a_class_have_the_interval_of_jeffreys(classes):
    counts = np.zeros((classes, classes))
    counts[0, :2], counts[1, 1] = [6, 3], 7  # six right of nine
    low, high = decision_interval(lambda c: recalls(c)[..., 0], counts, draws=50_000)
    np.testing.assert_allclose([low, high], stats.beta.ppf([0.025, 0.975], 6.5, 3.5), atol=5e-3)


@pytest.mark.parametrize("metric", ["uar", "accuracy", "macro_f1", "specificity"])
def test_the_subject_level_is_of_one_decision_a_subject(metric):
    table = make()
    decided = table.groupby(["subject", "truth"])[["p_HC", "p_MDD"]].mean().reset_index()
    counts = confusion(decided)
    assert counts.sum() == 12
    expected = decision_interval(count_metric(metric, ["HC", "MDD"]), counts, draws=100, rng=5)
    assert bootstrap_interval(table, metric, level="subject", draws=100, seed=5) == expected


def test_the_standard_error_is_that_of_the_mean():
    values = np.random.default_rng(0).uniform(0.4, 0.6, 30)
    low, high = cluster_interval(lambda w: w @ values / w.sum(axis=1), np.zeros(30, int), draws=20_000)
    expected = stats.t.interval(0.95, 29, values.mean(), stats.sem(values))
    np.testing.assert_allclose([low, high], expected, rtol=5e-3)


def test_trainings_that_are_alike_leave_the_interval_of_one():
    values = np.random.default_rng(0).uniform(0.4, 0.6, 12)
    one = cluster_interval(lambda w: w @ values / w.sum(axis=1), np.zeros(12, int))
    three = cluster_interval(lambda w: np.tile(w @ values / w.sum(axis=1), (3, 1)), np.zeros(12, int))
    assert three == pytest.approx(one)


def test_trainings_that_differ_for_everybody_alike_have_the_interval_of_a_t_test_over_trainings():
    values, trained = np.random.default_rng(0).uniform(0.499, 0.501, 30), np.array([0.0, 0.06, 0.12, 0.03])
    low, high = cluster_interval(lambda w: w @ values / w.sum(axis=1) + trained[:, None], np.zeros(30, int))
    mean = values.mean() + trained.mean()
    np.testing.assert_allclose([low, high], stats.t.interval(0.95, 3, mean, stats.sem(trained)), atol=1e-3)


@pytest.mark.parametrize("training", [0.0, 0.1])
def test_intervals_over_subjects_and_trainings_cover_as_promised(training):
    """Subjects, trainings, and trainings that suit some subjects; without the second an interval over subjects falls short."""
    rng = np.random.default_rng(5)
    ours, subjects_alone = [], []
    for _ in range(800):
        right = 0.5 + rng.normal(0, 0.2, 20) + training * rng.normal(size=(3, 1)) + rng.normal(0, 0.2, (3, 20))
        each = lambda w, y=right: (w @ y.T / w.sum(axis=1, keepdims=True)).T  # noqa: E731
        mean = lambda w, y=right: w @ y.mean(axis=0) / w.sum(axis=1)  # noqa: E731
        for found, statistic in ((ours, each), (subjects_alone, mean)):
            found.append(cluster_interval(statistic, np.zeros(20, int), draws=200, rng=rng, bounds=(-5.0, 5.0)))
    held = [np.mean([low <= 0.5 <= high for low, high in found]) for found in (ours, subjects_alone)]
    assert 0.92 <= held[0] <= 0.97
    if training:
        assert held[1] < 0.85


def test_strata_of_unequal_size_have_the_degrees_of_freedom_of_welch():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.3, 0.6, 4), rng.uniform(0.4, 0.5, 20)
    strata = np.repeat([0, 1], [4, 20])

    def difference(weights):
        return weights[:, :4] @ a / weights[:, :4].sum(axis=1) - weights[:, 4:] @ b / weights[:, 4:].sum(axis=1)

    low, high = cluster_interval(difference, strata, draws=20_000, bounds=(-1.0, 1.0))
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], [expected.low, expected.high], atol=2e-3)


@pytest.mark.parametrize("level", ["slice", "recording", "subject"])
@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_is_repeatable_holds_the_value_and_lies_in_the_unit_interval(metric, level):
    table = make()
    low, high = bootstrap_interval(table, metric, level=level, draws=200)
    assert (low, high) == bootstrap_interval(table, metric, level=level, draws=200)
    shuffled = table.sample(frac=1, random_state=1)
    assert (low, high) == pytest.approx(bootstrap_interval(shuffled, metric, level=level, draws=200))
    assert 0 <= low < high <= 1
    wide = bootstrap_interval(table, metric, level=level, draws=200, confidence=0.99)
    assert wide[0] <= low
    assert high <= wide[1]
    if level != "subject" or metric in ("auc", "brier"):
        assert (low, high) != bootstrap_interval(table, metric, level=level, draws=200, seed=1)


def test_more_slices_of_the_same_subjects_buy_no_certainty():
    few = make(subjects=10, recordings=5, slices=1)
    many = pd.concat([few.assign(slice=i) for i in range(20)])
    assert bootstrap_interval(few, "uar", level="slice") == pytest.approx(
        bootstrap_interval(many, "uar", level="slice")
    )


def test_subjects_of_several_truths_are_one_stratum_and_their_subject_level_is_a_mean():
    table = make(subjects=6, recordings=6, classes=("a", "b", "c"), several_truths=True)
    table = table[(table["recording"] != "00") | (table["subject"] < "s03")]  # the commonest class is not everyone's
    own = []
    for _, rows in table.groupby(["subject"]):
        p = rows.groupby(["recording", "truth"])[["p_a", "p_b", "p_c"]].mean()
        right = np.array(["a", "b", "c"])[p.to_numpy().argmax(axis=1)] == p.index.get_level_values("truth")
        own.append(pd.Series(right).groupby(p.index.get_level_values("truth")).mean().mean())
    low, high = bootstrap_interval(table, "uar", level="subject", draws=20_000)
    expected = stats.t.interval(0.95, 5, np.mean(own), stats.sem(own))
    np.testing.assert_allclose([low, high], np.clip(expected, 0, 1), atol=5e-3)


def test_perfect_decisions_of_few_subjects_are_no_certainty():
    table = make(subjects=10, skill=100.0)
    for level in ("slice", "recording", "subject"):
        low, high = bootstrap_interval(table, "uar", level=level)
        assert 0.65 < low < 0.85
        assert high == 1.0
    smaller = make(subjects=4, skill=100.0)
    assert bootstrap_interval(smaller, "uar", level="slice")[0] < bootstrap_interval(table, "uar", level="slice")[0]


def test_one_subject_in_a_class_or_at_all_says_little():
    assert np.diff(bootstrap_interval(make(subjects=2), "uar", level="slice")) > 0.6
    alone = make(subjects=1, recordings=6, several_truths=True)
    for level in ("slice", "recording", "subject"):
        assert np.diff(bootstrap_interval(alone, "uar", level=level)) > 0.6


def test_a_metric_that_is_not_defined_has_no_interval():
    healthy = make()
    healthy = healthy[healthy["truth"] == "HC"]
    for level in ("slice", "subject"):
        assert np.isnan(bootstrap_interval(healthy, "sensitivity", level=level)).all()
        assert np.isnan(bootstrap_interval(healthy, "auc", level=level)).all()


@pytest.mark.parametrize("options", [{"confidence": 95}, {"draws": 1}])
@pytest.mark.parametrize("level", ["slice", "subject"])
def test_a_confidence_in_per_cent_and_a_single_draw_are_refused(options, level):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        bootstrap_interval(make(), "uar", level=level, **options)


def test_a_metric_of_two_classes_is_refused_for_more():
    with pytest.raises(UserError, match="for two classes"):
        bootstrap_interval(make(classes=("a", "b", "c")), "auc", level="slice")
