"""AFN against pytorch-adapt and numpy."""

import warnings

import numpy as np
import pytest
import torch

from losses import AFN
from losses.afn import adaptive_feature_norm


def sample():
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64, requires_grad=True)


def test_stepwise_value_and_gradient_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import AdaptiveFeatureNorm
    features = sample()
    value, expected = adaptive_feature_norm(features, step=0.7), AdaptiveFeatureNorm(step_size=0.7)(features)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, features), torch.autograd.grad(expected, features))


def test_step_against_the_gradient_lengthens_every_row_alike():
    features = sample()
    (grad,) = torch.autograd.grad(adaptive_feature_norm(features, step=0.5), features)
    growth = (features - 7 * grad).norm(dim=1) - features.norm(dim=1)
    torch.testing.assert_close(growth, torch.full((7,), 2 * 0.5, dtype=torch.float64))


def test_radius_pulls_the_mean_norm():
    features = sample()
    expected = (np.linalg.norm(features.detach().numpy(), axis=1).mean() - 3) ** 2
    assert adaptive_feature_norm(features, radius=3.0).item() == pytest.approx(expected)


def test_module_adds_both_domains():
    source, target = sample(), 2 * sample()
    expected = adaptive_feature_norm(source, radius=3.0) + adaptive_feature_norm(target, radius=3.0)
    torch.testing.assert_close(AFN(radius=3.0)(source, target), expected)
    assert AFN(step=2.0)(source, target).item() == pytest.approx(8.0)


@pytest.mark.parametrize("options", [{"step": -1.0}, {"radius": -1.0}])
def test_negative_norms_are_refused(options):
    with pytest.raises(ValueError, match="norms of zero or more"):
        AFN(**options)
