"""The contract of front ends, over every one in the table."""

import inspect
import json

import numpy as np
import pytest
import torch

from feature_extractors.frontends import FRONTENDS

NAMES = sorted(FRONTENDS)
OTHERS = {  # an option of each that changes its numbers
    "egemaps": {"level": "lld"},
    "gmm_frames": {"seed": 1},
    "log_mel": {"bands": 40},
    "mfcc": {"order": 2},
    "mfcc_kaldi": {"order": 2},
    "prosody": {"contours": ["Loudness"]},
    "spectrogram": {"high": 4000.0},
    "voice": {"depth": 20.0},
    "waveform": {"sample_rate": 8000},
}


def voice(samples, seed=0):
    """A buzz of falling pitch in noise that comes and goes."""
    t, rng = np.arange(samples) / 16000, np.random.default_rng(seed)
    buzz = np.sign(np.sin(2 * np.pi * (180 * t - 8 * t**2))) * (np.sin(2 * np.pi * 1.3 * t) > -0.3)
    return (0.2 * buzz + 0.02 * rng.standard_normal(samples)).astype(np.float32)


def test_the_table_holds_the_front_ends_of_the_notes():
    assert set(FRONTENDS) == set(OTHERS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 100, 959, 960, 5000, 16000, 60001])
def test_a_front_end_gives_finite_features_of_the_shape_it_promises(name, samples):
    frontend = FRONTENDS[name]()
    features = frontend(voice(samples))
    assert features.shape == (frontend.channels, frontend.frames(samples))
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_front_end_gives_the_same_alone_and_in_a_batch(name):
    frontend, lengths = FRONTENDS[name](), [60000, 9000, 700]
    waveforms = torch.full((3, 60000), 5.0)  # padding that would be heard
    for n, length in enumerate(lengths):
        waveforms[n, :length] = torch.from_numpy(voice(length, seed=n))
    features, counts = frontend.batch(waveforms, torch.tensor(lengths))
    assert counts.tolist() == [frontend.frames(length) for length in lengths]
    assert features.shape == (3, frontend.channels, max(counts))
    for n, length in enumerate(lengths):
        alone = frontend(waveforms[n, :length])
        torch.testing.assert_close(features[n, :, : counts[n]], alone, atol=2e-4, rtol=1e-5)
        assert features[n, :, counts[n] :].abs().sum() == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_front_end_repeats_itself(name):
    x = voice(60000)
    assert torch.equal(FRONTENDS[name]()(x), FRONTENDS[name]()(x))


@pytest.mark.parametrize("name", NAMES)
def test_the_record_is_json_and_names_front_end_rate_and_resampler(name):
    frontend = FRONTENDS[name]()
    record = frontend.record()
    assert json.loads(json.dumps(record)) == record
    assert (record["name"], record["sample_rate"], record["resampler"]) == (name, frontend.sample_rate, "soxr_hq")


@pytest.mark.parametrize("name", NAMES)
def test_the_record_changes_with_the_options(name):
    assert FRONTENDS[name]().record() != FRONTENDS[name](**OTHERS[name]).record()
    assert set(OTHERS[name]) <= set(FRONTENDS[name](**OTHERS[name]).record())


@pytest.mark.parametrize("name", NAMES)
def test_every_option_stands_in_the_record(name):
    options = {p.name for p in inspect.signature(FRONTENDS[name]).parameters.values()}
    assert options <= set(FRONTENDS[name]().record())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_impossible_lengths_is_refused(name):
    with pytest.raises(ValueError, match="from 0 to 9"):
        FRONTENDS[name]().batch(torch.zeros(2, 10), torch.tensor([0, 9]))
