"""BERT over frames."""

import torch
from torch import nn

from feature_extractors.bert import BERT
from feature_extractors.positions import sinusoidal_positions

SMALL = {"width": 16, "heads": 2, "layers": 2, "feedforward": 24}


def test_the_embedding_is_the_pooled_cls_token_of_torchs_encoder():
    extractor, x = BERT(in_channels=13, **SMALL).eval(), torch.randn(2, 13, 20)
    tokens = torch.cat([extractor.cls.expand(2, -1, 1), extractor.project(x)], -1) + sinusoidal_positions(21, 16)
    y = extractor.norm(tokens.transpose(1, 2))
    for layer in extractor.encoder.layers:
        q, k, v = layer.attention.qkv(y).view(2, 21, 3, 2, 8).permute(2, 0, 3, 1, 4)
        heads = ((q @ k.mT / 8**0.5).softmax(-1) @ v).transpose(1, 2).reshape(2, 21, 16)
        y = layer.attention.norm(y + layer.attention.out(heads))
        feed = layer.feed_forward
        y = feed.norm(y + feed.narrow(nn.functional.gelu(feed.widen(y))))
    expected = torch.tanh(extractor.pooler(y[:, 0]))
    torch.testing.assert_close(extractor(x).features[..., 0], expected, atol=1e-5, rtol=1e-4)


def test_the_order_of_frames_matters():
    extractor, x = BERT(in_channels=13, **SMALL).eval(), torch.randn(1, 13, 20)
    assert (extractor(x.flip(-1)).features - extractor(x).features).abs().max() > 1e-4


def test_parameters_are_counted_by_hand():
    d, hidden = 16, 24
    layer = 4 * d * d + 4 * d + 2 * d * hidden + hidden + d + 4 * d
    by_hand = (13 * d + d) + d + 2 * d + 2 * layer + (d * d + d)
    assert sum(p.numel() for p in BERT(in_channels=13, **SMALL).parameters()) == by_hand
