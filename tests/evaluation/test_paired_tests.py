"""Tests of paired differences against hand-worked values, other implementations, and every permutation counted."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from transfer.evaluation.metrics import uar
from transfer.evaluation.paired_tests import corrected_t_test, holm, paired_effect, signed_rank_test, swap_test


def swapped_uar(a, b):
    """Return the difference of UAR of counts (S, K, K) as a function of swaps, computed as a person would."""

    def difference(swaps):
        values = []
        for row in swaps.astype(bool):
            first = np.where(row[:, None, None], b, a).sum(axis=0)
            second = np.where(row[:, None, None], a, b).sum(axis=0)
            values.append(uar(first) - uar(second))
        return np.array(values)

    return difference


def random_counts(seed, subjects=6):
    """Return confusion counts of two systems of which the first is better."""
    rng = np.random.default_rng(seed)
    truths = np.arange(subjects) % 2
    counts = np.zeros((2, subjects, 2, 2))
    for system, recall in enumerate((0.8, 0.6)):
        right = rng.binomial(5, recall, subjects)
        counts[system, np.arange(subjects), truths, truths] = right
        counts[system, np.arange(subjects), truths, 1 - truths] = 5 - right
    return counts


@pytest.mark.parametrize("seed", range(5))
def test_few_subjects_are_swapped_in_every_way(seed):
    difference = swapped_uar(*random_counts(seed))
    every = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    values = np.abs(difference(every))
    expected = np.mean(values >= values[0] - 1e-12)
    assert swap_test(difference, 6) == expected
    assert swap_test(difference, 6, draws=63, rng=0) == pytest.approx(expected, abs=0.25)  # drawn: 64 are too many


def test_a_sum_is_tested_as_scipy_tests_it():
    d = np.random.default_rng(0).normal(0.4, 1, 11)
    expected = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert swap_test(lambda swaps: (1 - 2 * swaps) @ d, 11) == pytest.approx(expected)


def test_drawn_swaps_agree_with_all_and_are_never_certain():
    d = np.random.default_rng(1).normal(0.5, 1, 14)
    exact = swap_test(lambda swaps: (1 - 2 * swaps) @ d, 14, draws=2**14)
    drawn = swap_test(lambda swaps: (1 - 2 * swaps) @ d, 14, draws=2**14 - 1, rng=3)
    assert exact == pytest.approx(drawn, abs=0.01)
    assert exact != drawn
    assert swap_test(lambda swaps: (1 - 2 * swaps) @ np.ones(40), 40, draws=99) == 0.01


def test_systems_that_say_the_same_have_p_one():
    a = random_counts(0)[0]
    assert swap_test(swapped_uar(a, a), 6) == 1
    assert swap_test(swapped_uar(a, a), 6, draws=10) == 1


def test_what_is_not_defined_has_no_p_and_nonsense_is_refused():
    assert np.isnan(swap_test(lambda swaps: np.full(len(swaps), np.nan), 3))
    with pytest.raises(ValueError, match="0 subjects"):
        swap_test(lambda swaps: swaps.sum(axis=1), 0)


def test_the_corrected_t_test_is_that_worked_by_hand():
    # d = .1 .05 0 .15 .1: mean .08, variance .00325; (1/5 + 1/4) .00325 = .0014625; t = .08 / .038243 = 2.0919
    t = 0.08 / 0.0014625**0.5
    assert corrected_t_test([0.1, 0.05, 0.0, 0.15, 0.1], 0.25) == pytest.approx(2 * stats.t.sf(t, 4))
    assert t == pytest.approx(2.0919, abs=1e-4)


def test_without_overlap_it_would_be_the_plain_t_test_and_with_it_it_is_more_careful():
    d = np.random.default_rng(2).normal(0.05, 0.05, 10)
    plain = stats.ttest_1samp(d, 0).pvalue
    assert corrected_t_test(d, 1e-12) == pytest.approx(plain)
    assert corrected_t_test(d, 1 / 9) > plain


def test_the_corrected_t_test_keeps_its_level_where_the_plain_one_does_not():
    """Ten random halves of one sample: the mean of a half stands for a score, its training part for nothing."""
    rng = np.random.default_rng(0)
    ours, plain = [], []
    for _ in range(300):
        people = rng.normal(size=40)
        halves = [rng.permutation(people)[:20].mean() for _ in range(10)]
        ours.append(corrected_t_test(halves, 1.0) < 0.05)
        plain.append(stats.ttest_1samp(halves, 0).pvalue < 0.05)
    assert np.mean(ours) < 0.075
    assert np.mean(plain) > 0.3


def test_blocks_without_spread_or_number_say_nothing():
    assert corrected_t_test([0.0, 0.0, 0.0], 0.5) == 1
    assert np.isnan(corrected_t_test([0.1, 0.1, 0.1], 0.5))
    assert np.isnan(corrected_t_test([0.1], 0.5))
    assert corrected_t_test([0.1, np.nan, 0.3], 0.5) == corrected_t_test([0.1, 0.3], 0.5)
    with pytest.raises(ValueError, match="test_share"):
        corrected_t_test([0.1, 0.2], 0.0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-5, 5).filter(bool), min_size=3, max_size=9))
def test_signed_ranks_are_those_of_every_sign(values):
    d = np.array(values) / 10 + 0.0
    ranks = stats.rankdata(np.abs(np.round(d, 9)))
    every = np.array(list(itertools.product([-1, 1], repeat=len(d)))) @ ranks
    seen = abs((np.sign(d) * ranks).sum())
    assert signed_rank_test(d) == pytest.approx(np.mean(np.abs(every) >= seen - 1e-9))


def test_signed_ranks_of_nothing():
    assert signed_rank_test([0.0, 0.0]) == 1
    assert np.isnan(signed_rank_test([np.nan]))
    assert signed_rank_test(np.linspace(-0.1, 0.4, 60)) < 0.01


def test_holm_is_worked_by_hand():
    np.testing.assert_allclose(holm([0.02, 0.001, 0.04, 0.3]), [0.06, 0.004, 0.08, 0.3])
    np.testing.assert_allclose(holm([0.5, 0.6, np.nan]), [1, 1, np.nan])
    assert holm([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p):
    corrected = holm(p)
    for alpha in (0.01, 0.05, 0.2):
        left, rejected = sorted(range(len(p)), key=p.__getitem__), set()
        while left and p[left[0]] * len(left) <= alpha:
            rejected.add(left.pop(0))
        assert {i for i, value in enumerate(corrected) if value <= alpha} == rejected


def test_the_effect_is_hedges_correction_of_the_standardised_mean():
    d = np.random.default_rng(0).normal(0.5, 1, 8)
    df = 7
    exact = math.sqrt(2 / df) * math.gamma(df / 2) / math.gamma((df - 1) / 2)
    assert paired_effect(d) == pytest.approx(exact * d.mean() / d.std(ddof=1), rel=2e-3)
    assert paired_effect(-d) == -paired_effect(d)
    assert paired_effect([0.0] * 4) == 0
    assert np.isnan(paired_effect([0.1] * 4))
    assert np.isnan(paired_effect([0.1, 0.2]))
