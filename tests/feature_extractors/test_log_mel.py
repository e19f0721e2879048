"""The log-mel front end against librosa."""

import librosa
import numpy as np
import pytest
import torch

from feature_extractors.frontends import FRONTENDS, LogMel


@pytest.mark.parametrize("bands", [64, 128])
def test_log_mel_is_librosas(bands):
    x = np.random.default_rng(0).standard_normal(20000).astype(np.float32) * np.linspace(0, 1, 20000, dtype=np.float32)
    mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=800, n_mels=bands, pad_mode="constant")
    log_mel = LogMel(bands=bands)
    assert log_mel.channels == bands
    np.testing.assert_allclose(log_mel(x), librosa.power_to_db(mel), atol=1e-3)


@pytest.mark.parametrize("name", FRONTENDS)
def test_every_front_end_gives_the_same_alone_and_in_a_batch(name):
    frontend, x = FRONTENDS[name](), torch.randn(2, 9000)
    features, lengths = frontend.batch(x, torch.tensor([9000, 5000]))
    assert frontend.record()["name"] == name
    assert features.shape == (2, frontend.channels, frontend.frames(9000))
    assert lengths.tolist() == [frontend.frames(9000), frontend.frames(5000)]
    torch.testing.assert_close(features[0], frontend(x[0]), atol=2e-4, rtol=1e-5)
    torch.testing.assert_close(features[1, :, : lengths[1]], frontend(x[1, :5000]), atol=2e-4, rtol=1e-5)
