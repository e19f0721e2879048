"""Moment matching against numpy, and what stored moments must be."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from losses.coral import coral
from losses.moment_matching import moment_gap, moment_matching


@given(seed=st.integers(0, 10**6), n=st.integers(2, 9), m=st.integers(2, 9), d=st.integers(1, 6))
def test_the_loss_is_that_of_numpys_moments(seed, n, m, d):
    generator = np.random.default_rng(seed)
    source, target = generator.normal(size=(n, d)), 2 * generator.normal(size=(m, d)) + 1
    covariances = [np.atleast_2d(np.cov(rows.T)) for rows in (source, target)]
    expected = ((source.mean(0) - target.mean(0)) ** 2).mean() + ((covariances[0] - covariances[1]) ** 2).mean() / 4
    pair = torch.from_numpy(source), torch.from_numpy(target)
    assert moment_matching(*pair).item() == pytest.approx(expected, rel=1e-9)
    stored = torch.from_numpy(source.mean(0)), torch.from_numpy(covariances[0])
    assert moment_gap(pair[1], *stored).item() == pytest.approx(expected, rel=1e-9)


def test_of_centred_rows_it_is_coral():
    source, target = torch.randn(8, 3).double(), 3 * torch.randn(9, 3).double()
    source, target = source - source.mean(0), target - target.mean(0)
    assert moment_matching(source, target).item() == pytest.approx(coral(source, target).item(), rel=1e-9)


def test_descending_it_moves_a_batch_onto_the_stored_moments():
    mean, covariance = torch.tensor([3.0, -1.0]), torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    rows = torch.randn(64, 2, requires_grad=True)
    optimizer = torch.optim.Adam([rows], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        moment_gap(rows, mean, covariance).backward()
        optimizer.step()
    assert torch.allclose(rows.mean(0), mean, atol=0.02)
    assert torch.allclose(rows.T.cov(), covariance, atol=0.05)


def test_moments_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\), \(2,\), \(2, 2\); expected \(m, d\)"):
        moment_gap(torch.zeros(4, 3), torch.zeros(2), torch.eye(2))
