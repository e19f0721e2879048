"""Transformer-TIM and Transformer-DeltaTIM against their parts."""

import pytest
import torch

from feature_extractors.temporal_stack import AddStack, DifferenceStack
from feature_extractors.transformer_tim import TransformerDeltaTIM, TransformerTIM

SMALL = {"width": 16, "heads": 2, "layers": 1, "feedforward": 24, "filters": 6, "blocks": 2}


@pytest.mark.parametrize(("cls", "stack"), [(TransformerTIM, AddStack), (TransformerDeltaTIM, DifferenceStack)])
def test_the_parts_follow_one_another(cls, stack):
    extractor = cls(in_channels=13, **SMALL).eval()
    torch.nn.init.normal_(extractor.norm.running_mean)
    assert type(extractor.tim.scales.stack) is stack
    x = torch.randn(2, 13, 20)
    encoded = extractor.transformer(x).features
    projected = extractor.project(extractor.norm(encoded))
    assert projected.shape == (2, 6, 20)
    torch.testing.assert_close(extractor(x).features, extractor.tim(projected).features)


def test_normalisation_does_not_see_the_padding():
    extractor, lengths = TransformerTIM(in_channels=13, dropout=0.0, **SMALL), torch.tensor([20, 8])
    extractor(torch.randn(2, 13, 20), lengths)
    once = extractor.norm.running_mean.clone()
    torch.manual_seed(0)
    again = TransformerTIM(in_channels=13, dropout=0.0, **SMALL)
    again(torch.nn.functional.pad(torch.randn(2, 13, 20), (0, 9), value=5.0), lengths)
    torch.testing.assert_close(again.norm.running_mean, once)
