"""JMMD against pytorch-adapt and its relation to MMD."""

import warnings

import pytest
import torch

from losses import JMMD
from losses.jmmd import jmmd
from losses.mmd import mmd


def layers(n, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(n, 6), (n, 3)]
    return [torch.randn(*s, generator=generator, dtype=torch.float64).add(seed).requires_grad_() for s in shapes]


def test_value_and_gradient_agree_with_pytorch_adapt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_adapt.layers import MMDLoss
    source, target = layers(9, 0), layers(7, 1)
    reference = MMDLoss(kernel_scales=2.0 ** torch.arange(-2, 3), mmd_type="quadratic", bandwidth=8.0)
    expected = 25 * reference(source, target)  # it takes the mean of the kernels of each layer
    value = jmmd(source, target, bandwidth=8.0, unbiased=True)
    torch.testing.assert_close(value, expected)
    inputs = [*source, *target]
    wanted = torch.autograd.grad(expected, inputs)
    for a, b in zip(torch.autograd.grad(value, inputs), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_one_layer_gives_mmd():
    source, target = layers(5, 0)[:1], layers(6, 1)[:1]
    options = {"kernels": 3, "ratio": 1.5, "weights": [1.0, 2.0, 3.0], "unbiased": True}
    torch.testing.assert_close(JMMD(**options)(source, target), mmd(source[0], target[0], **options))


def test_layers_that_agree_one_by_one_may_differ_together():
    torch.manual_seed(0)
    first, second = torch.randn(200, 1), torch.randn(200, 1)
    alone = mmd(second, second[torch.randperm(200)])
    joint = jmmd([first, first], [first, first[torch.randperm(200)]])
    assert alone < 1e-5
    assert joint > 0.1


def test_tensor_in_place_of_a_list_is_refused():
    with pytest.raises(TypeError, match="put a single one in a list"):
        jmmd(torch.rand(4, 3), torch.rand(4, 3))


@pytest.mark.parametrize(
    ("source", "target", "match"),
    [
        ([], [], "0 source and 0 target layers"),
        ([torch.rand(3, 2)], [torch.rand(3, 2), torch.rand(3, 2)], "1 source and 2 target layers"),
        ([torch.rand(3, 2)], [torch.rand(3, 4)], "one width d"),
        ([torch.rand(3, 2), torch.rand(4, 2)], [torch.rand(3, 2), torch.rand(3, 2)], "expected one number"),
    ],
)
def test_layers_that_do_not_match_are_refused(source, target, match):
    with pytest.raises(ValueError, match=match):
        jmmd(source, target)
