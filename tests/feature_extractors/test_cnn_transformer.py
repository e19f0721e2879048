"""CNN-Transformer and CNN-ML-Transformer against their parts."""

import torch
from torch import nn

from feature_extractors.cnn_transformer import CNNMultiLayerTransformer, CNNTransformer
from feature_extractors.positions import sinusoidal_positions

SMALL = {"width": 16, "heads": 2, "layers": 2, "feedforward": 24, "filters": 6, "blocks": 2}


def test_pooling_projection_and_encoder_follow_tim():
    extractor, x = CNNTransformer(in_channels=13, **SMALL).eval(), torch.randn(2, 13, 21)
    pooled = nn.functional.max_pool1d(extractor.tim(x).features, 2, ceil_mode=True)  # (2, 6, 11)
    torch.testing.assert_close(extractor(x).features, extractor.encoder.outputs(extractor.project(pooled))[-1])


def test_the_multi_layer_form_adds_positions_and_weighs_all_layers():
    extractor, x = CNNMultiLayerTransformer(in_channels=13, **SMALL).eval(), torch.randn(2, 13, 20)
    weights = nn.init.normal_(extractor.encoder.weighted_sum.weight).softmax(0)
    y = extractor.project(nn.functional.max_pool1d(extractor.tim(x).features, 2))
    y = (y + sinusoidal_positions(10, 16)).transpose(1, 2)
    first = extractor.encoder.layers[0](y)
    second = extractor.encoder.layers[1](first)
    expected = weights[0] * first + weights[1] * second
    torch.testing.assert_close(extractor(x).features, expected.transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_lengths_shrink_with_the_pooling_and_no_clip_vanishes():
    frames = CNNTransformer(in_channels=13, **SMALL)(torch.randn(4, 13, 9), torch.tensor([9, 8, 2, 1]))
    assert frames.lengths.tolist() == [5, 4, 1, 1]
