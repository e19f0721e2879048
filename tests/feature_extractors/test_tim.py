"""TIM-Net against its parts."""

import torch

from feature_extractors import LinearHead, MultiTIM
from feature_extractors.fusion import WeightFusion
from feature_extractors.tim import TIM


def test_it_is_multi_tim_in_mode_add_with_weight_fusion_and_mean():
    tim = TIM(in_channels=13, filters=9, blocks=4).eval()
    universal, fusion = MultiTIM(in_channels=13, filters=9, blocks=4, mode="add").eval(), WeightFusion(4)
    torch.nn.init.normal_(tim.fusion.weight)
    universal.load_state_dict(tim.scales.state_dict())
    fusion.load_state_dict(tim.fusion.state_dict())
    x = torch.randn(2, 13, 30)
    head = LinearHead(in_features=9, classes=3)
    expected = head.classifier(fusion(universal(x).scales).mean(-1))
    torch.testing.assert_close(head(tim(x)), expected)


def test_parameters_are_counted_by_hand():
    f, blocks = 9, 4
    prepare = 13 * f + 2 * f
    block = 2 * (2 * f * f + 2 * f)  # two convolutions of kernel 2 without bias, two normalisations
    assert sum(p.numel() for p in TIM(in_channels=13, filters=f, blocks=blocks).parameters()) == (
        prepare + blocks * block + blocks
    )


def test_dilations_reach_as_far_as_asked():
    for blocks in (8, 6):
        stack = TIM(in_channels=13, blocks=blocks).scales.stack
        assert [b.body[0].conv.dilation[0] for b in stack.blocks] == [2**i for i in range(blocks)]
