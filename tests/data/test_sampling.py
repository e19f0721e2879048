"""Batches: every row once before any twice, no short batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.sampling import BatchStream


def stream(rows, size, weights=None, seed=0):
    return BatchStream(rows, size, torch.Generator().manual_seed(seed), weights)


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


def test_weights_draw_rare_rows_as_often_as_common_ones():
    rows = torch.arange(100)
    weights = torch.where(rows < 10, 9.0, 1.0)
    batches = stream(rows, 50, weights)
    drawn = torch.cat([batches.draw() for _ in range(100)])
    assert (drawn < 10).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_one_seed_draws_the_same_and_another_does_not():
    a, b, c = (
        torch.cat([s.draw() for _ in range(4)]) for s in (stream(torch.arange(50), 8, seed=i) for i in (0, 0, 1))
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_an_empty_pool_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        stream(torch.arange(0), 4)
