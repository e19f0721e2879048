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


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")  # librosa's word on short clips
@pytest.mark.parametrize("name", ["log_mel", "mfcc", "spectrogram"])
@pytest.mark.parametrize(
    ("rate", "n_fft", "hop"), [(16000, 401, 160), (44100, 2205, 441), (16000, 3, 1), (16000, 400, 161)]
)
def test_frames_of_an_odd_number_of_samples_are_as_many_as_librosas(name, rate, n_fft, hop):
    import librosa

    few = {"log_mel": {"bands": 1}, "mfcc": {"bands": 2, "coefficients": 2}, "spectrogram": {}}[
        name
    ]  # all that 3 samples can say
    frontend, lengths = (
        FRONTENDS[name](sample_rate=rate, n_fft=n_fft, hop=hop, **few),
        [7 * hop, 7 * hop - 1, 5 * hop + 1, 1],
    )
    x = torch.from_numpy(np.stack([voice(max(lengths), seed=n) for n in range(len(lengths))]))
    features, counts = frontend.batch(x, torch.tensor(lengths))
    for n, length in enumerate(lengths):
        clip = x[n, :length]
        theirs = librosa.stft(clip.numpy(), n_fft=n_fft, hop_length=hop, pad_mode="constant").shape[1]
        assert frontend.frames(length) == frontend(clip).shape[1] == counts[n] == theirs
        torch.testing.assert_close(features[n, :, : counts[n]], frontend(clip), atol=2e-4, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_neither_autocast_nor_a_network_in_16_bits_changes_a_front_end(name, half):
    frontend, x = FRONTENDS[name](), torch.from_numpy(voice(16000))
    alone, together = frontend(x), frontend.batch(x[None], torch.tensor([16000]))[0]
    with torch.autocast("cpu", half):
        assert torch.equal(frontend(x), alone)
        assert torch.equal(frontend.batch(x[None], torch.tensor([16000]))[0], together)
    assert torch.equal(torch.nn.Sequential(frontend).to(half)(x), alone)


@pytest.mark.parametrize("name", NAMES)
def test_a_front_end_built_where_numbers_are_double_is_the_same(name):
    alone = FRONTENDS[name]()(voice(16000))
    torch.set_default_dtype(torch.float64)
    try:
        torch.testing.assert_close(FRONTENDS[name]()(voice(16000)), alone, atol=1e-3, rtol=1e-4)
    finally:
        torch.set_default_dtype(torch.float32)


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


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_batch_of_waveforms_is_refused(name):
    x, lengths = torch.zeros(2, 1000), torch.tensor([1000, 900])
    for waveforms, counts, error, says in (
        (x.short(), lengths, TypeError, "the waveform is torch.int16"),
        (x.numpy(), lengths, TypeError, "the waveform is float32; expected a tensor"),
        (x[:, None], lengths, ValueError, r"shape \(2, 1, 1000\).*x\[:, 0\]"),
        (x[0], lengths, ValueError, r"shape \(1000,\)"),
        (x[:0], lengths[:0], ValueError, r"shape \(0, 1000\)"),
        (x, [1000, 900], TypeError, "lengths is list"),
        (x, None, TypeError, "lengths is None"),
        (x, lengths.float(), TypeError, "lengths is torch.float32"),
    ):
        with pytest.raises(error, match=says):
            FRONTENDS[name]().batch(waveforms, counts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_samples_that_are_no_numbers_are_refused_unless_they_are_padding(name, value):
    frontend, x = FRONTENDS[name](), torch.from_numpy(voice(5000))
    x[4000] = value
    with pytest.raises(ValueError, match=r"not finite, such as -?(nan|inf) at \[4000\]"):
        frontend(x)
    with pytest.raises(ValueError, match=r"not finite, such as -?(nan|inf) at \[0, 4000\]"):
        frontend.batch(x[None], torch.tensor([5000]))
    features, counts = frontend.batch(x.expand(2, -1)[:, :4500], torch.tensor([4000, 3000]))
    assert features.isfinite().all()
    assert counts.tolist() == [frontend.frames(4000), frontend.frames(3000)]
