"""The perceptron over frames against torch's own layers."""

import pytest
import torch
from torch import nn

from feature_extractors.pointwise_mlp import PointwiseMLP


@pytest.mark.parametrize(("norm", "layer"), [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm), ("none", nn.Identity)])
def test_it_is_torchs_layers_at_every_frame(norm, layer):
    mlp = PointwiseMLP(5, [8, 6], norm=norm, slope=0.2)
    units = []
    for conv in mlp.linears:
        linear = nn.Linear(conv.in_channels, conv.out_channels, bias=norm != "batch")
        linear.weight.data = conv.weight.data[..., 0]
        if conv.bias is not None:
            linear.bias.data = conv.bias.data
        units += [linear, layer(conv.out_channels), nn.LeakyReLU(0.2)]
    x = torch.randn(3, 5, 7)
    expected = nn.Sequential(*units)(x.transpose(1, 2).reshape(21, 5)).reshape(3, 7, 6).transpose(1, 2)
    torch.testing.assert_close(mlp(x), expected, atol=1e-5, rtol=1e-4)


def test_a_context_concatenates_neighbouring_frames():
    mlp = PointwiseMLP(5, [4], norm="none", context=3)
    x = torch.randn(1, 5, 9)
    weight, bias = mlp.linears[0].weight, mlp.linears[0].bias
    expected = [(weight.flatten(1) @ x[0, :, t : t + 3].flatten() + bias).relu() for t in range(7)]
    torch.testing.assert_close(mlp(x)[0], torch.stack(expected, dim=1))


def test_no_widths_leave_it_as_it_is_and_an_unknown_norm_is_refused():
    x = torch.randn(1, 5, 9)
    assert PointwiseMLP(5, [])(x) is x
    with pytest.raises(ValueError, match="norm is 'instance'; expected one of batch, layer, none"):
        PointwiseMLP(5, [4], norm="instance")
