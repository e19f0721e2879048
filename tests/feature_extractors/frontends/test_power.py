"""Power spectrogram against librosa's STFT."""

import librosa
import numpy as np
import pytest
import torch

from feature_extractors.frontends.power import PowerSpectrogram


@pytest.mark.parametrize(("n_fft", "hop", "first", "last"), [(800, 512, 0, None), (512, 160, 3, 100), (400, 400, 7, 7)])
def test_power_is_librosas_in_the_bins_asked_for(n_fft, hop, first, last):
    x = np.random.default_rng(0).standard_normal(9001).astype(np.float32)
    expected = np.abs(librosa.stft(x, n_fft=n_fft, hop_length=hop, pad_mode="constant")) ** 2
    power = PowerSpectrogram(n_fft=n_fft, hop=hop, first=first, last=last)
    kept = slice(first, None if last is None else last + 1)
    assert power.bins == len(expected[kept])
    np.testing.assert_allclose(power(torch.from_numpy(x)).T, expected[kept], rtol=2e-4, atol=1e-4)


def test_power_can_be_differentiated():
    power = PowerSpectrogram(n_fft=16, hop=8).double()
    assert torch.autograd.gradcheck(power, torch.randn(40, dtype=torch.float64, requires_grad=True))
