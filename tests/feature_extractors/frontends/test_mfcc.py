"""The MFCC front end against librosa 0.11, clip by clip and in batches."""

import json

import librosa
import numpy as np
import pytest
import soundfile
import torch

from feature_extractors.frontends import MFCC


def librosas(x, order=3):
    orders = [librosa.feature.mfcc(y=x, sr=16000, n_mfcc=13, n_fft=800)]
    for _ in range(1, order):
        orders.append(librosa.feature.delta(orders[-1], width=3))
    return np.concatenate(orders)


def signal(kind, samples=24000):
    rng, t = np.random.default_rng(0), np.arange(samples) / 16000
    signals = {
        "noise": rng.standard_normal(samples) * 0.1,
        "quiet noise": rng.standard_normal(samples) * 1e-5,
        "chirp": 0.5 * np.sin(2 * np.pi * (100 * t + 2000 * t**2)),
        "click": np.eye(1, samples, samples // 3)[0],
        "noise after silence": rng.standard_normal(samples) * (t > 0.7),
        "silence": np.zeros(samples),
        "full scale square": np.sign(np.sin(2 * np.pi * 150 * t)),
    }
    return signals[kind].astype(np.float32)


KINDS = ["noise", "quiet noise", "chirp", "click", "noise after silence", "silence", "full scale square"]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_mfcc_is_librosas(kind, order):
    x, mfcc = signal(kind), MFCC(order=order)
    features = mfcc(x)
    assert features.shape == (mfcc.channels, mfcc.frames(len(x))) == (13 * order, 47)
    assert features.dtype == torch.float32
    np.testing.assert_allclose(features, librosas(x, order), atol=1e-3)


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", ["emovo", "nemo"])
def test_mfcc_is_librosas_on_real_speech(corpus, corpora):
    files = sorted((corpora / corpus).rglob("*.*a[cv]"))[::40]
    assert files
    clips = [soundfile.read(file, dtype="float32")[0] for file in files]
    mfcc, expected = MFCC(), [librosas(clip) for clip in clips]
    for clip, reference in zip(clips, expected, strict=True):
        np.testing.assert_allclose(mfcc(clip), reference, atol=1e-3)
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(clip) for clip in clips], batch_first=True)
    features, lengths = mfcc.batch(padded, torch.tensor([len(clip) for clip in clips]))
    for n, reference in enumerate(expected):
        np.testing.assert_allclose(features[n, :, : lengths[n]], reference, atol=1e-3)


def test_ten_and_six_seconds_give_the_frames_of_the_notes():
    assert [MFCC().frames(16000 * seconds) for seconds in (10, 6)] == [313, 188]


def test_neighbours_and_padding_never_change_a_clips_features():
    mfcc, lengths = MFCC(), [24000, 9000, 700, 1]
    clips = [torch.from_numpy(signal("chirp", length)) * 1e-3 for length in lengths]
    clips[0] *= 1e3  # loud enough to raise the floor of the others, if it could
    waveforms = torch.full((4, 24000), 5.0)
    for n, clip in enumerate(clips):
        waveforms[n, : len(clip)] = clip
    features, frames = mfcc.batch(waveforms, torch.tensor(lengths))
    assert frames.tolist() == [mfcc.frames(length) for length in lengths]
    for n, clip in enumerate(clips):
        torch.testing.assert_close(features[n, :, : frames[n]], mfcc(clip), atol=2e-4, rtol=1e-5)
        assert features[n, :, frames[n] :].abs().sum() == 0


@pytest.mark.parametrize("samples", [1, 100, 511, 512, 1023, 1024])
def test_clips_shorter_than_three_frames_have_defined_deltas(samples):
    c, d, dd = MFCC()(signal("noise", samples)).split(13)
    slope = c[:, 1] - c[:, 0] if c.shape[1] == 2 else torch.zeros(13)
    if c.shape[1] < 3:
        torch.testing.assert_close(d, slope[:, None].expand_as(d))
        torch.testing.assert_close(dd, torch.zeros_like(dd))
    else:
        torch.testing.assert_close(d, ((c[:, 2] - c[:, 0]) / 2)[:, None].expand_as(d))


def test_array_and_tensor_double_and_single_give_the_same():
    x, mfcc = signal("noise"), MFCC()
    assert torch.equal(mfcc(x), mfcc(torch.from_numpy(x)))
    assert torch.equal(mfcc(x.astype(np.float64)), mfcc(x))


def test_record_tells_every_setting_apart_and_is_json():
    settings = [
        {},
        {"order": 1},
        {"coefficients": 20},
        {"n_fft": 400},
        {"hop": 160},
        {"bands": 40},
        {"sample_rate": 8000},
    ]
    records = {json.dumps(MFCC(**setting).record(), sort_keys=True) for setting in settings}
    assert len(records) == len(settings)
    assert MFCC().record()["resampler"] == "soxr_hq"


def test_front_end_has_no_state_of_its_own():
    assert MFCC().state_dict() == {}


@pytest.mark.parametrize(
    ("waveform", "error", "says"),
    [
        (np.zeros(0, np.float32), ValueError, r"shape \(0,\)"),
        (torch.zeros(2, 100), ValueError, r"shape \(2, 100\)"),
        (np.zeros(100, np.int16), TypeError, "int16"),
        ([0.0, 1.0], TypeError, "list"),
    ],
)
def test_waveforms_that_are_none_are_refused(waveform, error, says):
    with pytest.raises(error, match=says):
        MFCC()(waveform)


def test_impossible_settings_and_lengths_are_refused():
    with pytest.raises(ValueError, match="order is 4"):
        MFCC(order=4)
    for option in ("sample_rate", "n_fft", "hop"):
        with pytest.raises(ValueError, match=f"{option} (is )?0.*at least"):
            MFCC(**{option: 0})
    with pytest.raises(ValueError, match="coefficients is 50"):
        MFCC(coefficients=50, bands=40)
    with pytest.raises(ValueError, match="from 0 to 9"):
        MFCC().batch(torch.zeros(2, 10), torch.tensor([0, 9]))
