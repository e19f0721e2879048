"""Mixup: who is mixed with whom, and how much of each."""

import numpy as np
import pytest
import torch
from scipy import stats

from feature_extractors.augmentations import Mixup, Pairs


def test_shares_follow_the_beta_distribution_clip_by_clip():
    for alpha in (0.2, 1.0, 4.0):
        _, shares = Mixup(alpha=alpha).pairs(4000, torch.Generator().manual_seed(0))
        inner = shares.double().clamp(1e-7, 1 - 1e-7).numpy()
        assert stats.kstest(inner, stats.beta(alpha, alpha).cdf).statistic < 0.03
    assert len(np.unique(inner)) > 3900, "one lambda a pair, not one a batch"


def test_every_clip_is_somebodys_partner_once():
    partners, _ = Mixup().pairs(100, torch.Generator().manual_seed(0))
    assert sorted(partners.tolist()) == list(range(100))
    assert (partners != torch.arange(100)).sum() > 90


def test_a_clip_that_is_not_chosen_keeps_itself_and_its_length():
    mixup = Mixup(alpha=1.0, probability=0.3)
    x, lengths = torch.randn(1000, 2, 5), torch.randint(1, 6, (1000,))
    pairs = mixup.pairs(1000, torch.Generator().manual_seed(0))
    alone = pairs.shares == 1
    assert 0.65 < alone.float().mean() < 0.75
    y, counts = mixup.mix(x, lengths, pairs)
    assert torch.equal(y[alone], x[alone])
    assert torch.equal(counts[alone], lengths[alone])


def test_a_mix_is_the_weighted_sum_and_as_long_as_the_longer_one():
    x = torch.randn(3, 4, 6, dtype=torch.float64)
    lengths = torch.tensor([6, 2, 4])
    x *= (torch.arange(6) < lengths[:, None])[:, None]
    y, counts = Mixup().mix(x, lengths, Pairs(torch.tensor([2, 0, 1]), torch.tensor([0.25, 0.5, 0.75]).double()))
    for i, (j, own) in enumerate(((2, 0.25), (0, 0.5), (1, 0.75))):
        np.testing.assert_allclose(y[i], own * x[i].numpy() + (1 - own) * x[j].numpy())
    assert counts.tolist() == [6, 6, 4]


def test_an_alpha_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="alpha is 0; expected a positive number"):
        Mixup(alpha=0)
