"""AT-TIM against its definition."""

import numpy as np
import pytest
import torch

from feature_extractors.at_tim import AttendedScales, AttentionTIM

F, B, T, WIDTH, WINDOW = 4, 2, 9, 3, 3


def by_loops(module, scales, kind):
    """Scale j is head j: its own projections, attention over time, all heads through one projection."""
    attention = module.attention
    qkv = attention.qkv.weight.view(B, 3, WIDTH, F).detach().numpy()
    bias = attention.qkv.bias.view(B, 3, WIDTH).detach().numpy()
    heads = np.zeros((T, B, WIDTH))
    for j in range(B):
        s = scales[0, :, :, j].T.numpy()  # (T, F)
        q, k, v = (s @ qkv[j, i].T + bias[j, i] for i in range(3))  # each (T, WIDTH)
        for t in range(T):
            if kind == "multi_head":
                weights = np.exp(q[t] @ k.T / np.sqrt(WIDTH))[:, None]  # (T, 1)
                heads[t, j] = (weights * v).sum(0) / weights.sum(0)
            else:
                w = np.array(
                    [attention.pair_bias[t - s + WINDOW - 1].item() if abs(t - s) < WINDOW else 0 for s in range(T)]
                )
                weights = np.exp(k + w[:, None])
                heads[t, j] = 1 / (1 + np.exp(-q[t])) * (weights * v).sum(0) / weights.sum(0)
    out = attention.out.weight[..., 0].detach().numpy()  # (F, B WIDTH)
    return heads.reshape(T, -1) @ out.T


@pytest.mark.parametrize("kind", ["multi_head", "aft_local"])
def test_every_scale_is_a_head(kind):
    module = AttendedScales(F, B, attention=kind, head_width=WIDTH, window=WINDOW, feedforward=0).double()
    if kind == "aft_local":
        torch.nn.init.normal_(module.attention.pair_bias)
    scales = torch.randn(1, F, T, B, dtype=torch.float64)
    np.testing.assert_allclose(module(scales)[0].T.detach(), by_loops(module, scales, kind), atol=1e-12)


def test_feed_forward_follows_the_attention_unless_switched_off():
    module = AttendedScales(F, B, feedforward=8).eval()
    scales = torch.randn(1, F, T, B)
    expected = module.feed_forward(module.attention(scales).transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(module(scales), expected)
    assert AttendedScales(F, B, feedforward=0).feed_forward is None


def test_attention_stands_in_place_of_the_weight_layer_over_scales_of_mode_add():
    extractor = AttentionTIM(in_channels=13, filters=6, blocks=3).eval()
    x = torch.randn(2, 13, 20)
    torch.testing.assert_close(extractor(x).features, extractor.fusion(extractor.scales(x).scales))
    assert type(extractor.scales.stack).__name__ == "AddStack"


def test_unknown_attention_is_refused():
    with pytest.raises(ValueError, match="unknown attention 'se'"):
        AttentionTIM(in_channels=13, attention="se")
