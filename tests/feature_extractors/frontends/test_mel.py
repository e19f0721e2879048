"""Mel spectrogram against librosa."""

import librosa
import numpy as np
import pytest
import torch

from feature_extractors.frontends.mel import MelSpectrogram, mel_filters


@pytest.mark.parametrize(("rate", "n_fft", "bands"), [(16000, 800, 128), (16000, 512, 40), (8000, 400, 64)])
def test_filters_are_librosas(rate, n_fft, bands):
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(sample_rate=rate, n_fft=n_fft, bands=bands), expected, atol=1e-12)


@pytest.mark.parametrize("samples", [1, 399, 512, 16000])
def test_spectrogram_is_librosas_at_any_length(samples):
    x = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    stft = librosa.stft(x, n_fft=800, hop_length=512, pad_mode="constant") if samples >= 800 else None
    power = MelSpectrogram(sample_rate=16000, n_fft=800, hop=512, bands=128)(torch.from_numpy(x))
    assert power.shape == (1 + samples // 512, 128)
    if stft is None:  # librosa warns of clips shorter than a frame; by hand, then
        padded = np.pad(x.astype(float), 400)
        frames = np.stack([padded[t * 512 : t * 512 + 800] for t in range(1 + samples // 512)])
        stft = np.fft.rfft(frames * np.hanning(801)[:-1]).T
    expected = librosa.filters.mel(sr=16000, n_fft=800, n_mels=128) @ np.abs(stft) ** 2
    np.testing.assert_allclose(power.T, expected, rtol=2e-4, atol=1e-6)


def test_bands_narrower_than_a_bin_are_empty_as_librosas():
    with pytest.warns(UserWarning, match="Empty filters"):
        expected = librosa.filters.mel(sr=16000, n_fft=256, n_mels=128)
    spectrogram = MelSpectrogram(sample_rate=16000, n_fft=256, hop=128, bands=128)
    x = torch.randn(4000)
    stft = librosa.stft(x.numpy(), n_fft=256, hop_length=128, pad_mode="constant")
    np.testing.assert_allclose(spectrogram(x).T, expected @ np.abs(stft) ** 2, rtol=2e-4, atol=1e-6)


def test_spectrogram_can_be_differentiated():
    spectrogram = MelSpectrogram(sample_rate=16000, n_fft=16, hop=8, bands=4).double()
    x = torch.randn(40, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(spectrogram, x)
