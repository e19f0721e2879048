"""The weighted sum over layers."""

import pytest
import torch

from feature_extractors.layer_weighted_sum import LayerWeightedSum


def test_it_starts_at_the_mean():
    layers = list(torch.randn(3, 2, 5, 7))
    torch.testing.assert_close(LayerWeightedSum(3)(layers), torch.stack(layers).mean(0))


def test_weights_are_the_softmax_of_the_parameter():
    mix, layers = LayerWeightedSum(3), list(torch.randn(3, 2, 5, 7))
    w = torch.tensor([0.5, -1.0, 2.0])
    mix.weight.data.copy_(w)
    shares = w.exp() / w.exp().sum()
    torch.testing.assert_close(mix(layers), sum(share * x for share, x in zip(shares, layers, strict=True)))


def test_equal_layers_come_through_unchanged_whatever_the_weights():
    mix, x = LayerWeightedSum(4), torch.randn(2, 5, 7)
    torch.nn.init.normal_(mix.weight, std=3)
    torch.testing.assert_close(mix([x] * 4), x)


def test_a_wrong_number_of_layers_is_refused():
    with pytest.raises(ValueError, match="layers is 1"):
        LayerWeightedSum(1)
    with pytest.raises(ValueError, match="2 layers were given; this sum was built for 3"):
        LayerWeightedSum(3)(list(torch.zeros(2, 1, 1, 1)))
