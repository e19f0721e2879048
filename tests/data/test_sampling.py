"""Batches: every row once before any twice, no short batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.sampling import BalancedStream, BatchStream


def stream(rows, size, seed=0):
    return BatchStream(rows, size, torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 17), st.integers(1, 30))
def test_after_any_number_of_batches_no_row_is_ahead_of_another_by_more_than_one(n, size, draws):
    batches = stream(torch.arange(n) + 100, size)
    drawn = torch.cat([batches.draw() for _ in range(draws)]) - 100
    counts = torch.bincount(drawn, minlength=n)
    assert len(drawn) == draws * min(n, size)
    assert counts.max() - counts.min() <= 1


def test_steps_make_one_pass():
    assert stream(torch.arange(10), 4).steps == 3
    assert stream(torch.arange(3), 4).steps == 1


@st.composite
def pools(draw):
    """Speaker and class of each row of a pool."""
    speakers = draw(st.lists(st.integers(0, 7), min_size=1, max_size=60))
    return speakers, draw(st.lists(st.integers(0, 2), min_size=len(speakers), max_size=len(speakers)))


def balanced(speakers, classes, size, seed=0):
    names = [f"s{n}" for n in speakers]
    generator = torch.Generator().manual_seed(seed)
    return BalancedStream(torch.arange(len(names)) + 100, size, generator, names, classes)


@settings(deadline=None, max_examples=60)
@given(pools(), st.integers(1, 20))
def test_balanced_batches_hold_every_class_equally_often_whatever_the_pool(pool, size):
    speakers, classes = pool
    batches = balanced(speakers, classes, size)
    for _ in range(5):
        rows = batches.draw() - 100
        assert len(rows) == min(size, len(speakers))
        counts = [sum(classes[row] == label for row in rows.tolist()) for label in set(classes)]
        assert max(counts) - min(counts) <= 1


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 30))
def test_a_batch_is_spread_over_speakers_as_evenly_as_can_be(speakers, classes, size):
    grid = [(s, c) for s in range(speakers) for c in range(classes) for _ in range(5)]
    batches = balanced([s for s, _ in grid], [c for _, c in grid], size)
    for _ in range(4):
        rows = (batches.draw() - 100).tolist()
        counts = torch.bincount(torch.tensor([grid[row][0] for row in rows]), minlength=speakers)
        assert counts.max() <= -(-len(rows) // speakers)


def test_no_batch_holds_two_slices_of_a_speaker_where_there_are_enough_speakers_however_unequal():
    speakers = [0] * 500 + list(range(1, 32))
    batches = balanced(speakers, [0] * len(speakers), 32)
    for _ in range(10):
        drawn = [speakers[row - 100] for row in batches.draw().tolist()]
        assert len(set(drawn)) == 32
    plain = stream(torch.arange(len(speakers)), 32)
    assert max(sum(speakers[row] == 0 for row in plain.draw().tolist()) for _ in range(5)) > 20


def test_patients_and_controls_stand_evenly_in_a_batch_and_so_do_their_speakers():
    classes = [1] * 3 * 10 + [0] * 9 * 10
    speakers = [n // 10 for n in range(120)]
    rows = (balanced(speakers, classes, 18).draw() - 100).tolist()
    counts = torch.bincount(torch.tensor([speakers[row] for row in rows]), minlength=12)
    assert counts.tolist() == [3] * 3 + [1] * 9


def test_every_slice_of_a_speaker_comes_once_before_any_comes_again():
    batches = balanced([0] * 6 + [1] * 2, [0] * 8, 4)
    drawn = torch.cat([batches.draw() for _ in range(6)]) - 100
    counts = torch.bincount(drawn, minlength=8)
    assert counts.tolist() == [2] * 6 + [6] * 2


def test_slices_of_unknown_speakers_are_not_taken_for_one_speaker():
    generator = torch.Generator().manual_seed(0)
    batches = BalancedStream(torch.arange(8), 6, generator, [""] * 7 + ["a"], [0] * 8)
    assert len(set(batches.draw().tolist())) == 6


def test_balanced_streams_repeat_by_seed():
    a, b, c = (torch.cat([balanced(range(20), [0] * 20, 8, seed).draw() for _ in range(2)]) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_one_seed_draws_the_same_and_another_does_not():
    a, b, c = (
        torch.cat([s.draw() for _ in range(4)]) for s in (stream(torch.arange(50), 8, seed=i) for i in (0, 0, 1))
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_an_empty_pool_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        stream(torch.arange(0), 4)
    with pytest.raises(ValueError, match="at least one row"):
        balanced([], [], 4)
