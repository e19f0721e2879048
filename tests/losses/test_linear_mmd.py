"""Linear-time MMD against numpy from the formula and against the estimate from all pairs."""

import numpy as np
import pytest
import torch

from losses.linear_mmd import linear_mmd
from losses.mmd import mmd


def from_the_formula(s, t, bandwidth=None):
    n, m = len(s), len(t)
    most = max(n, m)

    def squares(a, b):
        return ((a - b) ** 2).sum()

    looked_at = [squares(s[i], s[(i + 1) % n]) for i in range(n)] + [squares(t[i], t[(i + 1) % m]) for i in range(m)]
    across = [squares(s[i % n], t[(i + 1) % m]) for i in range(most)]
    across += [squares(t[i % m], s[(i + 1) % n]) for i in range(most)]
    pooled = np.sort([d for d in looked_at + across if d > 0])
    base = bandwidth or pooled[(len(pooled) - 1) // 2]

    def k(d):
        return sum(np.exp(-d / (base * 2.0 ** (u - 2))) for u in range(5))

    within = np.mean([k(d) for d in looked_at[:n]]) + np.mean([k(d) for d in looked_at[n:]])
    return within - np.sum([k(d) for d in across]) / most


@pytest.mark.parametrize(("n", "m"), [(6, 6), (5, 5), (7, 4), (3, 8), (1, 4), (1, 1)])
@pytest.mark.parametrize("bandwidth", [None, 3.0])
def test_value_is_that_of_the_formula(n, m, bandwidth):
    torch.manual_seed(0)
    source, target = torch.randn(n, 3, dtype=torch.float64), torch.randn(m, 3, dtype=torch.float64) + 1
    expected = from_the_formula(source.numpy(), target.numpy(), bandwidth)
    assert linear_mmd(source, target, bandwidth=bandwidth).item() == pytest.approx(expected, abs=1e-12)


def test_it_estimates_what_all_pairs_estimate():
    generator = torch.Generator().manual_seed(0)
    draws = [
        (torch.randn(40, 2, generator=generator), torch.randn(60, 2, generator=generator) + 0.7) for _ in range(200)
    ]
    linear = torch.stack([linear_mmd(*draw, bandwidth=4.0) for draw in draws])
    all_pairs = torch.stack([mmd(*draw, bandwidth=4.0, unbiased=True) for draw in draws])
    assert all_pairs.mean() > 0.1
    assert (linear.mean() - all_pairs.mean()).abs() < 3 * linear.std() / 200**0.5
    assert linear.std() > all_pairs.std()


def test_memory_goes_with_the_rows_and_not_with_the_pairs():
    source = torch.randn(500, 4, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        linear_mmd(source, torch.randn(500, 4))
    assert sum(kept) < 100 * 1000
