"""The encoder against torch's own with the same weights."""

import pytest
import torch
from torch import nn

from feature_extractors import EXTRACTORS
from feature_extractors.attention import MultiHeadAttention
from feature_extractors.positions import sinusoidal_positions
from feature_extractors.transformer_encoder import FeedForward, TransformerEncoder

D, H, HIDDEN, J = 16, 4, 24, 3


def pair(activation="relu", **options):
    ours = TransformerEncoder(D, layers=J, heads=H, feedforward=HIDDEN, activation=activation, **options)
    layer = nn.TransformerEncoderLayer(D, H, HIDDEN, activation=activation, batch_first=True)
    torchs = nn.TransformerEncoder(layer, J, enable_nested_tensor=False)
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "norm1.": "attention.norm.",
        "linear1.": "feed_forward.widen.",
        "linear2.": "feed_forward.narrow.",
        "norm2.": "feed_forward.norm.",
    }
    for parameter in torchs.parameters():
        nn.init.normal_(parameter, std=0.3)
    state = torchs.state_dict()
    for theirs, own in names.items():
        state = {name.replace(theirs, own): value for name, value in state.items()}
    ours.load_state_dict(state, strict=False)
    return ours.eval(), torchs.eval()


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_it_agrees_with_torchs_own_at_the_real_frames(activation):
    ours, torchs = pair(activation)
    x, valid = torch.randn(3, 10, D), torch.arange(10) < torch.tensor([10, 4, 1])[:, None]
    expected = torchs(x, src_key_padding_mask=~valid)
    y = ours(x.transpose(1, 2), valid).transpose(1, 2)
    torch.testing.assert_close(y[valid], expected[valid], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours(x.transpose(1, 2)).transpose(1, 2), torchs(x), atol=1e-5, rtol=1e-4)


def test_it_has_as_many_parameters_as_torchs_own():
    ours, torchs = pair()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in torchs.parameters())
    by_hand = J * (4 * D * D + 4 * D + 2 * D * HIDDEN + HIDDEN + D + 4 * D)
    assert sum(p.numel() for p in ours.parameters()) == by_hand


def test_outputs_are_those_of_all_layers_and_the_weighted_sum_mixes_them():
    encoder, _ = pair(weighted_sum=True)
    x = torch.randn(2, D, 10)
    outputs = encoder.outputs(x)
    y = x.transpose(1, 2)
    for layer, output in zip(encoder.layers, outputs, strict=True):
        y = layer(y)
        torch.testing.assert_close(output, y.transpose(1, 2))
    torch.testing.assert_close(encoder(x), torch.stack(outputs).mean(0))


def test_only_positions_tell_the_order_of_frames():
    x, order = torch.randn(1, D, 10), torch.randperm(10)
    plain, _ = pair()
    torch.testing.assert_close(plain(x[..., order]), plain(x)[..., order], atol=1e-5, rtol=1e-4)
    placed, _ = pair(positions=True)
    assert (placed(x[..., order]) - placed(x)[..., order]).abs().max() > 1e-3
    torch.testing.assert_close(placed(x), placed_by_hand(placed, x))


def placed_by_hand(encoder, x):
    encoder.positions = False
    y = encoder(x + sinusoidal_positions(10, D))
    encoder.positions = True
    return y


def test_dropout_falls_on_attention_and_feed_forward_in_training_alone():
    encoder = TransformerEncoder(D, layers=1, heads=H, feedforward=HIDDEN, dropout=0.5)
    x = torch.randn(2, 10, D)
    for part in (encoder.layers[0].attention, encoder.layers[0].feed_forward):
        assert not torch.equal(part(x), part(x))
        part.eval()
        assert torch.equal(part(x), part(x))


def test_wrong_sizes_and_names_are_refused():
    with pytest.raises(ValueError, match="layers is 0"):
        TransformerEncoder(D, layers=0, heads=H)
    with pytest.raises(ValueError, match="3 heads cannot share a width of 16"):
        TransformerEncoder(D, heads=3)
    with pytest.raises(ValueError, match="unknown activation 'tanh'"):
        FeedForward(D, hidden=4, activation="tanh")


@pytest.mark.parametrize(
    "name", ["transformer", "transformer_tim", "cnn_transformer", "cnn_ml_transformer", "set", "set_conv"]
)
def test_every_network_of_the_notes_takes_the_width_of_a_head(name):
    options = {"in_channels": 13, "width": 16, "layers": 2, "heads": 2, "feedforward": 24, "head_width": 5}
    extractor = EXTRACTORS[name](**options)
    assert {m.qkv.out_features for m in extractor.modules() if isinstance(m, MultiHeadAttention)} == {3 * 2 * 5}
    assert extractor(torch.randn(2, 13, 80)).features.isfinite().all()
