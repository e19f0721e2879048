"""Differences of two systems over the same subjects: laws, brute force, and coverage by simulation."""

import os

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from transfer.evaluation.paired_difference import paired_difference
from transfer.evaluation.pooling import Pool, Scoring

CLASSES = ("HC", "MDD")
SLICES = Scoring("uar", "slice", single=True)
slow = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1")


def table(right, *, several=False, subjects=None, recordings=None):
    """Return the predictions of a system that decides right where `right` (S, N slices) says so, for classes in turn."""
    s, n = right.shape
    subject, piece = np.repeat(np.arange(s), n), np.tile(np.arange(n), s)
    truth = (piece if several else subject) % 2
    decided = np.where(right.ravel(), truth, 1 - truth)
    names = np.array([f"s{i:02}" for i in range(s)] if subjects is None else subjects)
    p = np.where(decided == 1, 0.8, 0.2)
    columns = {
        "corpus": "c",
        "part": "test",
        "slice": piece,
        "recording": [f"r{i // (recordings or 1)}" for i in piece],
    }
    return pd.DataFrame(
        {**columns, "subject": names[subject], "truth": np.array(CLASSES)[truth], "p_HC": 1 - p, "p_MDD": p}
    )


def pool(*tables):
    """Return the pool of a system with a table a seed."""
    return Pool({(i, ""): t for i, t in enumerate(tables)}, {(i, ""): "mean" for i in range(len(tables))})


def noisy(seed, subjects=8, slices=6):
    """Return a table with probabilities of many values."""
    rng = np.random.default_rng(seed)
    found = table(rng.random((subjects, slices)) < 0.7, recordings=2)
    p = np.clip(found["p_MDD"] + rng.normal(0, 0.3, len(found)), 0.01, 0.99)
    return found.assign(p_MDD=p, p_HC=1 - p)


@pytest.mark.parametrize("level", ["slice", "recording", "subject"])
@pytest.mark.parametrize("metric", ["uar", "macro_f1", "auc", "sensitivity"])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_swapping_the_systems_mirrors_everything(metric, level, seed):
    a, b = pool(noisy(seed), noisy(seed + 1)), pool(noisy(seed + 2), noisy(seed + 3))
    scoring = Scoring(metric, level, single=True)
    one, other = (paired_difference(*pair, scoring, test_share=0.5, draws=50) for pair in ((a, b), (b, a)))
    assert one.value == pytest.approx(-other.value)
    np.testing.assert_allclose(one.interval, (-other.interval[1], -other.interval[0]), atol=1e-9)
    for name in ("p_permutation", "p_ttest", "p_wilcoxon"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)
    assert one.effect == pytest.approx(-other.effect, nan_ok=True)
    mirrored = one.reversed()
    assert (mirrored.value, mirrored.p_permutation) == pytest.approx((other.value, other.p_permutation))
    np.testing.assert_allclose(mirrored.interval, other.interval, atol=1e-9)
    np.testing.assert_allclose(mirrored.by_seed, other.by_seed)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("level", ["slice", "recording", "subject"])
def test_a_system_does_not_differ_from_itself(level, several):
    same = pool(table(np.random.default_rng(0).random((8, 6)) < 0.7, several=several))
    found = paired_difference(same, same, Scoring("uar", level, single=not several), test_share=0.5, draws=100)
    assert found.value == found.effect == 0
    assert found.p_permutation == found.p_wilcoxon == 1
    assert found.interval[0] < 0 < found.interval[1]


@pytest.mark.parametrize("metric", ["uar", "auc", "macro_f1"])
def test_a_swap_gives_one_systems_predictions_to_the_other(metric):
    """Brute force: every swap of six subjects made in the tables themselves, scored by scikit-learn."""
    a, b = noisy(1, subjects=6), noisy(2, subjects=6)

    def scored(t):
        truth, p = t["truth"] == "MDD", t["p_MDD"]
        if metric == "auc":
            return reference.roc_auc_score(truth, p)
        if metric == "uar":
            return reference.balanced_accuracy_score(truth, p > 0.5)
        return reference.f1_score(truth, p > 0.5, average="macro")

    values = []
    for mask in range(64):
        swapped = a["subject"].isin([f"s{i:02}" for i in range(6) if mask >> i & 1]).to_numpy()[:, None]
        keys = ["truth", "p_HC", "p_MDD"]
        first = pd.DataFrame(np.where(swapped, b[keys], a[keys]), columns=keys).infer_objects()
        second = pd.DataFrame(np.where(swapped, a[keys], b[keys]), columns=keys).infer_objects()
        values.append(scored(first.astype({"p_MDD": float})) - scored(second.astype({"p_MDD": float})))
    found = paired_difference(pool(a), pool(b), Scoring(metric, "slice", single=True), draws=100)
    assert found.value == pytest.approx(values[0])
    assert found.p_permutation == pytest.approx(np.mean(np.abs(values) >= abs(values[0]) - 1e-9))


def test_the_interval_of_subject_means_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = (rng.random((30, 40)) < share for share in (0.7, 0.6))
    found = paired_difference(
        pool(table(a, several=True)),
        pool(table(b, several=True)),
        Scoring("accuracy", "slice", single=False),
        draws=20_000,
    )
    d = a.mean(axis=1) - b.mean(axis=1)
    expected = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    np.testing.assert_allclose(found.interval, [expected.low, expected.high], atol=3e-3)
    assert found.p_wilcoxon == pytest.approx(stats.wilcoxon(np.round(d, 9), zero_method="pratt").pvalue)
    assert found.effect == pytest.approx((1 - 3 / (4 * 29 - 1)) * d.mean() / d.std(ddof=1), rel=0.1)


def test_the_same_draw_of_subjects_acts_in_both_systems():
    """Subjects differ widely, systems by little: unpaired intervals would be far too wide."""
    right = np.arange(40)[None, :] < np.linspace(4, 36, 20)[:, None]
    better = np.arange(40)[None, :] < np.linspace(4, 36, 20)[:, None] + np.arange(1, 4).repeat(7)[:20, None]
    found = paired_difference(pool(table(better)), pool(table(right)), SLICES)
    assert found.value == pytest.approx(0.05, abs=0.01)
    assert found.interval[0] > 0.035


def test_only_what_both_tested_is_compared():
    rng = np.random.default_rng(0)
    rights = [rng.random((8, 6)) < 0.7 for _ in range(3)]
    full = pool(*(table(right) for right in rights))
    less = pool(table(~rights[0][:6]), table(~rights[1]))  # seed 2 is missing, and two subjects of seed 0
    found = paired_difference(full, less, SLICES)
    expected = paired_difference(pool(table(rights[0][:6]), table(rights[1])), less, SLICES)
    assert found == expected
    assert found.seeds == (0, 1)
    assert found.subjects == 8
    strangers = pool(table(rights[0], subjects=[f"x{i}" for i in range(8)]))
    assert paired_difference(full, strangers, SLICES) is None


def test_folds_are_put_together_before_they_are_scored():
    rng = np.random.default_rng(0)
    a, b = (table(rng.random((8, 6)) < share) for share in (0.8, 0.6))

    def folds(whole):
        parts = {(0, str(i)): whole[whole["subject"] == name] for i, name in enumerate(sorted(set(whole["subject"])))}
        return Pool(parts, dict.fromkeys(parts, "mean"))

    one, other = (
        paired_difference(folds(a), folds(b), SLICES, test_share=1 / 7),
        paired_difference(pool(a), pool(b), SLICES),
    )
    assert (one.value, *one.interval) == pytest.approx((other.value, *other.interval))
    assert np.isnan(other.p_ttest)
    assert 0 < one.p_ttest < 1


def test_seeds_of_other_subjects_are_weighed_by_their_own():
    rng = np.random.default_rng(0)
    rights = [[rng.random((6, 20)) < share for share in (0.8, 0.6)] for _ in range(2)]
    names = [[f"s{i}" for i in range(6)], [f"s{i}" for i in range(4, 10)]]
    pools = [pool(*(table(rights[k][j], subjects=names[k]) for k in range(2))) for j in range(2)]
    found = paired_difference(*pools, SLICES)
    assert found.subjects == 10
    assert found.value == pytest.approx(np.mean(found.by_seed))
    assert found.interval[0] < found.value < found.interval[1]


# Simulation. Subjects differ in how well they are recognised, and the two systems agree about who is easy.
def simulated(rng, subjects, *, gap, seeds=1, slices=12, spread=4.0):
    """Return two systems: a subject's chance to be right is beta distributed, and the better system adds the gap."""
    easy = rng.beta(0.6 * spread, 0.4 * spread, subjects)[:, None]
    own = 0.1 * rng.choice(
        [-1.0, 1.0], size=(2, subjects, 1)
    )  # what each system can and cannot do, whom it is tried on
    share = np.clip(np.stack([easy + gap + own[0], easy + own[1]]), 0, 1)
    return [pool(*(table(rng.random((subjects, slices)) < p) for _ in range(seeds))) for p in share]


def outcomes(n, subjects, *, gap, level="slice", seeds=1, draws=200, seed=0):
    """Return differences of n simulated comparisons."""
    rng = np.random.default_rng(seed)
    scoring = Scoring("uar", level, single=True)
    return [paired_difference(*simulated(rng, subjects, gap=gap, seeds=seeds), scoring, draws=draws) for _ in range(n)]


def truth(gap, spread=4.0):
    """Return the true difference of the systems' UAR: what clipping to [0, 1] leaves of the gap."""
    rng = np.random.default_rng(99)
    easy = rng.beta(0.6 * spread, 0.4 * spread, 400_000)
    own = 0.1 * rng.choice([-1.0, 1.0], size=(2, len(easy)))
    return float(np.mean(np.clip(easy + gap + own[0], 0, 1) - np.clip(easy + own[1], 0, 1)))


def covered(found, true):
    """Return the share of intervals that hold the true difference."""
    return np.mean([f.interval[0] <= true <= f.interval[1] for f in found])


def rate(found, *, test):
    """Return the share of comparisons that a test, or the interval, takes for a difference."""
    if test == "interval":
        return np.mean([f.interval[0] > 0 or f.interval[1] < 0 for f in found])
    return np.mean([getattr(f, test) <= 0.05 for f in found])


def test_a_null_is_seldom_taken_for_a_difference_and_a_true_one_is_found():
    null = outcomes(120, 20, gap=0.0, seed=1)
    assert covered(null, 0.0) >= 0.90
    for test in ("interval", "p_permutation", "p_wilcoxon"):
        assert rate(null, test=test) <= 0.10  # 200 and more are counted in the slow tests
    planted = outcomes(60, 20, gap=0.15, seed=2)
    for test in ("interval", "p_permutation", "p_wilcoxon"):
        assert rate(planted, test=test) >= 0.7
    assert all(f.value > 0 for f in planted)


def test_resampling_slices_as_peers_do_is_too_narrow():
    rng = np.random.default_rng(3)
    ours, theirs = [], []
    for _ in range(150):
        a, b = simulated(rng, 12, gap=0.0, slices=60, spread=1.5)
        ours.append(paired_difference(a, b, SLICES, draws=100).interval)
        right = [t["p_MDD"].gt(0.5).eq(t["truth"].eq("MDD")).to_numpy() for t in (a.tables[0, ""], b.tables[0, ""])]
        d = right[0].astype(float) - right[1]
        half = 1.96 * np.sqrt(d.var() / len(d))  # what a bootstrap over slices comes to, classes being equal
        theirs.append((d.mean() - half, d.mean() + half))
    share = [np.mean([low <= 0 <= high for low, high in intervals]) for intervals in (ours, theirs)]
    assert share[0] >= 0.92
    assert share[1] < 0.80


@slow
@pytest.mark.slow
@pytest.mark.parametrize("level", ["slice", "subject"])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("subjects", [6, 10, 20, 50])
def test_intervals_cover_and_tests_keep_their_level(subjects, seeds, level):
    null = outcomes(400, subjects, gap=0.0, seeds=seeds, level=level, seed=subjects)
    most = 0.97 if level == "slice" and subjects >= 20 else 1.0  # few decisions are lumpy: wider, never narrower
    assert 0.92 <= covered(null, 0.0) <= most
    assert rate(null, test="interval") <= 0.075
    assert rate(null, test="p_permutation") <= 0.075
    planted = outcomes(200, subjects, gap=0.15, seeds=seeds, level=level, seed=subjects + 1)
    assert 0.92 <= covered(planted, truth(0.15)) <= most or level == "subject"
