"""eGeMAPS against openSMILE called directly, on arrays and on files."""

import importlib.util

import numpy as np
import opensmile
import pytest
import soundfile

from feature_extractors.frontends import EGeMAPS, egemaps


def smile(level):
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level)


def noise(samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_functionals_are_opensmiles():
    x = noise(16000)
    expected = smile(opensmile.FeatureLevel.Functionals).process_signal(x, 16000).to_numpy()
    assert np.array_equal(EGeMAPS()(x).numpy(), expected.T)


def test_descriptors_are_opensmiles():
    x = noise(16000)
    expected = smile(opensmile.FeatureLevel.LowLevelDescriptors).process_signal(x, 16000).to_numpy()
    assert np.array_equal(EGeMAPS(level="lld")(x).numpy(), expected.T)


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", ["emovo", "nemo"])
def test_functionals_of_real_speech_are_those_of_the_files(corpus, corpora):
    functionals, front_end = smile(opensmile.FeatureLevel.Functionals), EGeMAPS()
    for file in sorted((corpora / corpus).rglob("*.*a[cv]"))[::900]:
        x, rate = soundfile.read(file, dtype="float32")
        assert rate == front_end.sample_rate
        np.testing.assert_allclose(front_end(x)[:, 0], functionals.process_file(str(file)).to_numpy()[0], rtol=1e-5)


@pytest.mark.parametrize("samples", [960, 961, 1119, 1120, 5000, 16100, 16159, 16160, 40000])
def test_descriptors_are_counted_as_opensmile_does(samples):
    assert EGeMAPS(level="lld")(noise(samples)).shape == (25, EGeMAPS(level="lld").frames(samples))


def test_clips_shorter_than_a_window_are_padded_with_silence():
    x = noise(500)
    assert np.array_equal(EGeMAPS()(x), EGeMAPS()(np.pad(x, (0, 460))))


def test_without_opensmile_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(egemaps, "find_spec", lambda name: None)
    assert importlib.util.find_spec("opensmile") is not None
    with pytest.raises(ImportError, match=r"transfer-speech\[functionals\]"):
        EGeMAPS()


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="unknown level 'mean'; choose one of functionals, lld"):
        EGeMAPS(level="mean")
