"""Kaldi's MFCC against torchaudio's, and against a few lines of numpy."""

import numpy as np
import pytest
import torch
import torchaudio
from scipy.fft import dct
from torchaudio.compliance import kaldi

from feature_extractors.frontends import KaldiMFCC


def noise(samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_mfcc_is_torchaudios_of_16_bit_samples(order):
    x = noise(20000)
    static = kaldi.mfcc(torch.from_numpy(x)[None] * 32768).T  # every default is Kaldi's
    expected = [static]
    for _ in range(1, order):
        expected.append(torchaudio.functional.compute_deltas(expected[-1]))
    torch.testing.assert_close(KaldiMFCC(order=order)(x), torch.cat(expected))


def test_mfcc_is_kaldis_definition():
    x = noise(4000).astype(np.float64) * 32768
    frames = np.stack([x[t * 160 : t * 160 + 400] for t in range(1 + (4000 - 400) // 160)])
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(frames * np.hanning(400) ** 0.85, 512)) ** 2
    mel = lambda hz: 1127 * np.log(1 + np.asarray(hz) / 700)  # noqa: E731
    edges = np.linspace(mel(20), mel(8000), 25)
    at = mel(np.arange(256) * 16000 / 512)[:, None]
    step = edges[1] - edges[0]
    weights = np.clip(np.minimum((at - edges[:-2]) / step, (edges[2:] - at) / step), 0, None)  # (bins, bands)
    cepstra = dct(np.log(power[:, :256] @ weights), norm="ortho")[:, :13]
    lifter = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    np.testing.assert_allclose(KaldiMFCC(order=1)((x / 32768).astype(np.float32)).T, cepstra * lifter, atol=2e-3)


def test_quiet_clips_do_not_fall_under_the_floor_of_the_logarithm():
    x, mfcc = noise(8000), KaldiMFCC(order=1)
    loud, quiet = mfcc(x), mfcc(1e-2 * x)
    torch.testing.assert_close(loud[1:], quiet[1:], atol=1e-2, rtol=0)  # loudness moves the first coefficient alone


@pytest.mark.parametrize(("length", "shift", "rate"), [(25.0, 10.0, 16000), (50.0, 32.0, 16000), (25.0, 10.0, 22050)])
def test_windows_are_counted_as_kaldi_does(length, shift, rate):
    mfcc = KaldiMFCC(frame_length=length, frame_shift=shift, sample_rate=rate)
    for samples in (mfcc.window, mfcc.window + mfcc.hop - 1, mfcc.window + mfcc.hop, 9999):
        assert mfcc(noise(samples)).shape[1] == mfcc.frames(samples)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="order is 0"):
        KaldiMFCC(order=0)
    with pytest.raises(ValueError, match="coefficients is 24; expected 1 to 23"):
        KaldiMFCC(coefficients=24)
    with pytest.raises(ValueError, match="are 400 and 0 samples"):
        KaldiMFCC(frame_shift=0.01)


def test_fewer_bands_than_make_a_filter_bank_are_refused():
    assert KaldiMFCC(bands=4, coefficients=3)(torch.randn(1600)).isfinite().all()
    with pytest.raises(ValueError, match="bands is 3; expected at least 4"):
        KaldiMFCC(bands=3, coefficients=3)
