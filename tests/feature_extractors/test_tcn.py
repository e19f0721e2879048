"""TCN and MTCN against their definitions."""

import pytest
import torch
from torch import nn

from feature_extractors.tcn import MTCN, TCN


@pytest.mark.parametrize("cls", [TCN, MTCN])
def test_blocks_are_residual_convolutions_without_gates(cls):
    extractor = cls(in_channels=6, filters=6, blocks=3, prepare=False).eval()
    y = x = torch.randn(2, 6, 30)
    for level, block in enumerate(extractor.stack.blocks):
        hidden = y
        for unit in block.body:
            padded = nn.functional.pad(hidden, (2**level, 0))
            hidden = nn.functional.conv1d(padded, unit.conv.weight, dilation=2**level)
            hidden = (hidden / (1 + unit.norm.eps) ** 0.5).relu()
        y = (hidden + y).relu()
    torch.testing.assert_close(extractor(x).features, y, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("cls", [TCN, MTCN])
def test_no_frame_depends_on_a_later_one(cls):
    x = torch.randn(1, 13, 30, requires_grad=True)
    features = cls(in_channels=13).eval()(x).features
    (gradient,) = torch.autograd.grad((features[..., 12] * torch.randn(39)).sum(), x)
    assert not gradient[..., 13:].any()
    assert gradient[..., 12].any()


def test_tcn_is_the_whole_network_and_mtcn_the_universal_part():
    assert TCN(in_channels=13).num_scales == 8
    assert MTCN(in_channels=13).num_scales == 3
    assert TCN(in_channels=13).prepare is None
    assert TCN(in_channels=13, prepare=True).prepare is not None
    assert MTCN(in_channels=13).prepare is not None
