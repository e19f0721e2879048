"""CMD against numpy from the formula, and its laws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.cmd import cmd


def from_the_formula(s, t, moments, width):
    total = np.linalg.norm(s.mean(0) - t.mean(0)) / width
    for k in range(2, moments + 1):
        gap = ((s - s.mean(0)) ** k).mean(0) - ((t - t.mean(0)) ** k).mean(0)
        total += np.linalg.norm(gap) / width**k
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 6), st.floats(0.5, 4), st.integers(0, 10**6))
def test_value_is_that_of_the_formula(n, m, moments, width, seed):
    generator = torch.Generator().manual_seed(seed)
    source = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    target = torch.rand(m, 3, generator=generator, dtype=torch.float64) ** 2
    expected = from_the_formula(source.numpy(), target.numpy(), moments, width)
    assert cmd(source, target, moments=moments, width=width).item() == pytest.approx(expected, abs=1e-12)


def test_first_moment_is_the_distance_of_the_means():
    source, target = torch.zeros(2, 2), torch.tensor([[3.0, 4.0]])
    assert cmd(source, target, moments=1).item() == pytest.approx(5.0)


def test_width_of_the_interval_makes_it_blind_to_the_unit():
    source, target = torch.rand(5, 3), torch.rand(6, 3)
    torch.testing.assert_close(cmd(10 * source, 10 * target, width=10.0), cmd(source, target))


@pytest.mark.parametrize(("option", "match"), [({"moments": 0}, "moments is 0"), ({"width": 0.0}, "width is 0.0")])
def test_options_out_of_range_are_refused(option, match):
    with pytest.raises(ValueError, match=match):
        cmd(torch.rand(2, 2), torch.rand(2, 2), **option)
