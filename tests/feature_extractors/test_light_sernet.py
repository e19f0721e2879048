"""Light-SERNet: size and geometry of the published network."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from feature_extractors import LinearHead
from feature_extractors.light_sernet import LightSERNet


def test_parameters_are_those_of_the_published_network():
    """Aftab et al., ICASSP 2022 (arXiv 2110.03435) report a size of 0.88 MB, for the four classes of IEMOCAP.

    460,740 parameters of 16 bits are 0.88 MiB: those of the layers of the authors' `Light_SERNet_V1` (models.py of
    AryaAftab/LIGHT-SERNET, the code that the abstract names), counted by hand here.
    """
    paths = sum(32 * (height * width + 1) for height, width in ((11, 1), (1, 9), (3, 3)))  # convolutions with biases
    widths = (96, 64, 96, 128, 160)
    blocks = sum(9 * before * after for before, after in pairwise(widths)) + 160 * 320  # without, the last 1 x 1
    norms = 2 * (3 * 32 + sum(widths[1:]) + 320)
    assert paths + blocks + norms + 320 * 4 + 4 == 460_740
    extractor = LightSERNet(in_channels=40)
    head = LinearHead(in_features=extractor.dim, classes=4)
    count = sum(p.numel() for p in (*extractor.parameters(), *head.parameters()))
    biases = 3 * 32  # of the first convolutions, which batch normalisation takes away again
    assert count + biases == 460_740
    assert round(2 * (count + biases) / 2**20, 2) == 0.88


def published(extractor, x):
    """The published order of layers, from torch's own, for one image (1, 1, T, C) as the authors lay it."""

    def block(unit, x, pool):
        conv, norm = unit.conv, unit.norm
        weight, pad = conv.weight.transpose(2, 3), conv.padding[::-1]
        x = F.conv2d(x, weight, padding=pad)
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps).relu()
        return F.avg_pool2d(x, pool, ceil_mode=True)

    x = torch.cat([block(path, x, (2, 2)) for path in extractor.paths], dim=1)
    for unit, pool in zip(extractor.blocks, ((2, 2), (2, 2), (2, 1), (2, 1)), strict=True):
        x = block(unit, x, pool)
    return block(extractor.last, x, (1, 1)).mean((2, 3))


@pytest.mark.parametrize("length", [1, 31, 70])
def test_with_the_mean_over_time_it_is_the_published_network_of_the_clip_alone(length):
    extractor = LightSERNet(in_channels=13)
    for norm in extractor.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(norm.running_mean, std=0.1)
    extractor.eval()
    x = torch.randn(2, 13, 100)
    frames = extractor(x, torch.tensor([100, length]))
    ours = frames.features[1].sum(-1) / frames.lengths[1]
    expected = published(extractor, x[1:, :, :length].transpose(1, 2)[:, None])[0]
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-3)


def test_kernels_of_eleven_lie_along_time_and_of_nine_along_frequency():
    kernels = [path.conv.kernel_size for path in LightSERNet(in_channels=13).paths]
    assert kernels == [(1, 11), (9, 1), (3, 3)]  # (frequency, time)


def test_dropout_takes_whole_channels_of_a_clip():
    extractor = LightSERNet(in_channels=13, dropout=0.5)
    features = extractor(torch.randn(4, 13, 200)).features
    dropped = features.abs().sum(-1) == 0
    assert 0.3 < dropped.float().mean() < 0.7
    assert (features[~dropped] != 0).float().mean() > 0.6
