"""The log-mel front end against librosa."""

import librosa
import numpy as np
import pytest

from feature_extractors.frontends import LogMel


@pytest.mark.parametrize("bands", [64, 128])
def test_log_mel_is_librosas(bands):
    x = np.random.default_rng(0).standard_normal(20000).astype(np.float32) * np.linspace(0, 1, 20000, dtype=np.float32)
    mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=800, n_mels=bands, pad_mode="constant")
    log_mel = LogMel(bands=bands)
    assert log_mel.channels == bands
    np.testing.assert_allclose(log_mel(x), librosa.power_to_db(mel), atol=1e-3)
