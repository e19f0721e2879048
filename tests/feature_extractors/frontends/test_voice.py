"""The voice vector: cepstra of loud frames and eGeMAPS; level and silence do not count."""

import numpy as np
import torch

from feature_extractors.frontends import MFCC, EGeMAPS, Voice


def speech(seed=0, samples=24000):
    rng = np.random.default_rng(seed)
    x = np.convolve(rng.standard_normal(samples), [1.0, 0.8, 0.4], "same") * (
        0.2 + 0.1 * np.sin(np.arange(samples) / 900)
    )
    return x.astype(np.float32)


def test_it_holds_mean_and_deviation_of_cepstra_and_egemaps():
    x = speech()
    cepstra = MFCC(order=1, coefficients=20, n_fft=512, hop=160, bands=40)(x).double().numpy()
    found = Voice(depth=200.0)(x)[:, 0]
    np.testing.assert_allclose(found[:19], cepstra.mean(1)[1:], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[19:39], cepstra.std(1), rtol=1e-4, atol=1e-4)
    assert torch.equal(found[39:], EGeMAPS()(x)[:, 0])


def test_silence_around_the_voice_changes_little():
    x = speech()
    padded = np.concatenate([np.zeros(16000, np.float32), x, np.zeros(16000, np.float32)])
    voice = Voice(depth=20.0)
    apart = (voice(x)[:19] - voice(padded)[:19]).abs().max()
    all_frames = (Voice(depth=500.0)(x)[:19] - Voice(depth=500.0)(padded)[:19]).abs().max()
    assert apart < 0.2 * all_frames


def test_a_louder_recording_is_the_same_voice():
    x = speech()
    np.testing.assert_allclose(Voice()(x)[:39], Voice()(2 * x)[:39], atol=0.05)
