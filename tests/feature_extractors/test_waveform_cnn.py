"""Convolutions over the waveform, and the networks built on them."""

import pytest
import torch
from torch import nn

from feature_extractors.cnn_lstm import CNNLSTM
from feature_extractors.cnn_transformer_wave import CNNTransformerWave
from feature_extractors.sinc import SincConv1d
from feature_extractors.waveform_cnn import WaveformCNN, conv_length


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(80, 4, 40), (251, 4, 125), (10, 5, 0), (3, 2, 0), (2, 2, 1)]
)
def test_length_after_a_convolution_is_torchs(kernel, stride, padding):
    conv = nn.Conv1d(1, 1, kernel, stride=stride, padding=padding)
    for length in range(max(kernel - 2 * padding, 1), 300):
        assert conv_length(torch.tensor([length]), kernel, stride, padding) == conv(torch.zeros(1, 1, length)).shape[-1]


@pytest.mark.parametrize("first_layer", ["conv", "sinc"])
def test_frames_are_those_of_each_clip_alone_at_any_length(first_layer):
    cnn = WaveformCNN(4, first_layer=first_layer).eval()
    lengths = torch.tensor([5000, *torch.randint(1, 5000, (15,)).tolist(), 1])
    x = torch.randn(len(lengths), 1, 5000)
    y, valid = cnn(x, lengths)
    for clip, features, real, length in zip(x, y, valid, lengths, strict=True):
        alone, none = cnn(clip[None, :, :length])
        assert none is None
        assert real.sum() == alone.shape[-1]
        torch.testing.assert_close(features[:, real], alone[0], atol=1e-5, rtol=1e-4)


def test_training_statistics_are_those_of_the_real_frames():
    cnn, lengths = WaveformCNN(4), torch.tensor([3000, 3000])
    x = torch.randn(2, 1, 3000)
    plain, _ = cnn(x)
    padded, valid = cnn(nn.functional.pad(x, (0, 2000), value=9.0), lengths)
    torch.testing.assert_close(padded[:, :, : plain.shape[-1]], plain, atol=1e-4, rtol=1e-4)
    assert not padded[:, :, plain.shape[-1] :].any()
    assert valid.sum() == 2 * plain.shape[-1]


def test_the_first_layer_can_be_sinc_filters_in_both_networks():
    for network in (CNNLSTM(in_channels=1, first_layer="sinc"), CNNTransformerWave(in_channels=1, first_layer="sinc")):
        assert isinstance(network.cnn.convs[0], SincConv1d)
    with pytest.raises(ValueError, match="first_layer is 'sink'"):
        CNNLSTM(in_channels=1, first_layer="sink")
    with pytest.raises(ValueError, match="one channel, not 39"):
        CNNLSTM(in_channels=39)


@pytest.mark.parametrize("channels", [32, 64, 128])
def test_the_notes_sizes(channels):
    network = CNNLSTM(in_channels=1, channels=channels, dnn=[128, 128, 128], norm="layer")
    assert {conv.out_channels for conv in network.cnn.convs} == {channels}
    assert network(torch.randn(2, 1, 16000)).features.shape == (2, 128, 1)


def test_dense_layers_see_the_mean_over_the_real_frames():
    network = CNNLSTM(in_channels=1, channels=8, dnn=[16], norm="none").eval()
    x, lengths = torch.randn(2, 1, 8000), torch.tensor([8000, 2500])
    features, valid = network.cnn(x, lengths)
    states = network.lstm(features, valid)
    means = torch.stack([s[:, v].mean(1) for s, v in zip(states, valid, strict=True)])
    frames = network(x, lengths)
    torch.testing.assert_close(frames.features, network.dnn(means[..., None]))
    assert frames.lengths.tolist() == [1, 1]
