"""Full precision inside, whatever comes in."""

from collections import namedtuple

import pytest
import torch

from losses.precision import full_precision


@full_precision
def product(x, *, other):
    return x @ (other[0] if isinstance(other, list) else other)


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
@pytest.mark.parametrize("in_list", [False, True])
def test_sixteen_bits_are_raised_and_autocast_is_off(given, inside, in_list):
    x, y = torch.rand(2, 2).to(given), torch.rand(2, 2).to(given)
    with torch.autocast("cpu", torch.bfloat16):
        result = product(x, other=[y] if in_list else y)
        assert torch.is_autocast_enabled("cpu")
    assert result.dtype == inside


def test_gradient_comes_back_in_the_precision_of_the_input():
    x = torch.rand(2, 2, dtype=torch.bfloat16, requires_grad=True)
    product(x, other=torch.eye(2)).sum().backward()
    assert x.grad.dtype == torch.bfloat16


def test_integers_stay_integers():
    assert full_precision(torch.neg)(torch.tensor([1])).dtype == torch.int64


def test_layers_may_come_in_a_named_tuple():
    layers = namedtuple("Layers", "first second")(torch.rand(2).bfloat16(), torch.rand(2))
    assert full_precision(lambda pair: [x.dtype for x in pair])(layers) == [torch.float32] * 2
