"""The waveform as features."""

import torch

from feature_extractors.frontends import Waveform


def test_samples_come_out_as_they_went_in():
    x = torch.randn(1000)
    assert torch.equal(Waveform()(x), x[None])


def test_a_batch_is_the_padded_samples_with_silence_behind_each_clip():
    x = torch.randn(2, 50)
    features, lengths = Waveform().batch(x, torch.tensor([50, 20]))
    assert torch.equal(features[0, 0], x[0])
    assert torch.equal(features[1, 0, :20], x[1, :20])
    assert features[1, 0, 20:].abs().sum() == 0
    assert lengths.tolist() == [50, 20]
