"""The spectrogram front end against librosa, and its band."""

import librosa
import numpy as np
import pytest

from feature_extractors.frontends import Spectrogram


def noise(samples=20000, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.mark.parametrize(("low", "high", "bins"), [(0, None, (0, 401)), (50, 4000, (3, 201)), (990, 1010, (50, 51))])
def test_spectrogram_is_librosas_within_the_band(low, high, bins):
    x = noise() * np.geomspace(1e-6, 1, 20000, dtype=np.float32)  # the quiet beginning falls below the floor
    power = np.abs(librosa.stft(x, n_fft=800, hop_length=512, pad_mode="constant")) ** 2
    expected = librosa.power_to_db(power[slice(*bins)])
    spectrogram = Spectrogram(low=low, high=high)
    assert spectrogram.channels == bins[1] - bins[0]
    assert expected.min() == pytest.approx(expected.max() - 80, abs=1e-4)
    np.testing.assert_allclose(spectrogram(x), expected, atol=1e-3)


def test_what_lies_outside_the_band_has_no_say():
    x = noise()
    t = np.arange(len(x)) / 16000
    loud = (30 * np.sin(2 * np.pi * 6000 * t) * np.hanning(len(x))).astype(np.float32)
    low_band = Spectrogram(high=1000)
    np.testing.assert_allclose(low_band(x + loud), low_band(x), atol=0.5)
    assert (Spectrogram()(x + loud) - Spectrogram()(x)).abs().max() > 20


@pytest.mark.parametrize("band", [(-1, 100), (200, 100), (0, 8001), (8001, None)])
def test_bands_that_are_none_are_refused(band):
    with pytest.raises(ValueError, match="the band is"):
        Spectrogram(low=band[0], high=band[1])


def test_a_band_between_two_bins_is_refused():
    with pytest.raises(ValueError, match="no bin lies from 21 to 39 Hz; bins are 20 Hz apart"):
        Spectrogram(low=21, high=39)
