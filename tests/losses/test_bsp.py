"""BSP against numpy's singular values and pytorch-adapt, in both of its forms."""

import warnings

import numpy as np
import pytest
import torch

from losses import BSP
from losses.bsp import batch_spectral_penalty


@pytest.mark.parametrize(("n", "d"), [(7, 4), (4, 9), (5, 5), (1, 3)])
@pytest.mark.parametrize("largest", [1, 3, 20])
def test_value_and_gradient_are_those_of_the_singular_values(n, d, largest):
    torch.manual_seed(0)
    features = torch.randn(n, d, dtype=torch.float64, requires_grad=True)
    value = batch_spectral_penalty(features, largest=largest)
    squares = np.linalg.svd(features.detach().numpy(), compute_uv=False) ** 2
    assert value.item() == pytest.approx(squares[:largest].sum())
    expected = torch.linalg.svdvals(features)[:largest].square().sum()
    torch.testing.assert_close(torch.autograd.grad(value, features), torch.autograd.grad(expected, features))


def test_module_agrees_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import BatchSpectralLoss
    torch.manual_seed(0)
    source, target = torch.randn(6, 4).double(), torch.randn(5, 4).double()
    expected = BatchSpectralLoss(k=2)(source) + BatchSpectralLoss(k=2)(target)
    torch.testing.assert_close(BSP(largest=2)(source, target), expected)


def test_number_below_one_is_refused():
    with pytest.raises(ValueError, match="largest is 0"):
        BSP(largest=0)
