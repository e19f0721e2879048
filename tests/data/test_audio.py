"""Audio to waveforms, against librosa and soundfile, and every fault by name."""

import librosa
import numpy as np
import pytest
import soundfile

from transfer.data.audio import SILENCE, load_audio, waveform_fault
from transfer.errors import AudioError


def noise(samples=4801, channels=1, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, channels))


def write(path, samples, rate=16000, **more):
    soundfile.write(path, samples, rate, **more)
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_waveform_equals_librosas(tmp_path, rate, channels):
    path = write(tmp_path / "a b 声.WAV", noise(channels=channels), rate, subtype="FLOAT", format="WAV")
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    expected = librosa.resample(librosa.to_mono(samples.T), orig_sr=rate, target_sr=16000)
    found = load_audio(path)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("form", "atol"), [("flac", 1e-4), ("ogg", 0.1), ("mp3", 0.2), ("aiff", 1e-4)])
def test_what_libsndfile_reads_is_read(tmp_path, form, atol):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    found = load_audio(write(tmp_path / f"a.{form}", tone))
    assert abs(len(found) - 16000) < 2000
    assert abs(np.sqrt(np.mean(found**2)) - 0.5 / np.sqrt(2)) < max(atol, 0.01)


def test_a_stretch_is_that_of_the_file(tmp_path):
    samples = noise(16000)
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(path, start=0.25, end=0.75), samples[4000:12000, 0].astype(np.float32))
    np.testing.assert_array_equal(load_audio(path, start=0.5), samples[8000:, 0].astype(np.float32))
    assert len(load_audio(path, end=1.01)) == 16000  # a label table that rounds


@pytest.mark.parametrize(("start", "end"), [(1.0, np.nan), (0.0, 1.5), (0.6, 0.5), (-0.1, 0.5)])
def test_a_stretch_outside_of_the_file_is_refused(tmp_path, start, end):
    path = write(tmp_path / "a.wav", noise(16000))
    with pytest.raises(AudioError, match=r"a\.wav: the stretch .* lies outside of the file, which lasts 1 s"):
        load_audio(path, start=start, end=end)


def faulty(kind):
    samples = noise(1600)
    if kind == "not finite":
        samples[800] = np.nan
    if kind == "silent":
        samples *= SILENCE / 100
    return samples[:0] if kind == "empty" else samples


@pytest.mark.parametrize("kind", ["empty", "not finite", "silent"])
def test_a_fault_is_named_with_its_file(tmp_path, kind):
    path = write(tmp_path / "坏 file.wav", faulty(kind), subtype="FLOAT")
    with pytest.raises(AudioError, match=rf"坏 file\.wav: {kind}"):
        load_audio(path)
    assert waveform_fault(faulty(kind)) == kind


def test_channels_that_cancel_are_silent(tmp_path):
    mono = noise(1600)
    with pytest.raises(AudioError, match="silent"):
        load_audio(write(tmp_path / "a.wav", np.hstack([mono, -mono]), subtype="FLOAT"))


def test_a_silent_stretch_is_accepted_by_choice_only(tmp_path):
    path = write(tmp_path / "a.wav", np.concatenate([noise(16000), np.zeros((16000, 1))]))
    with pytest.raises(AudioError, match="silent from 1 s to 2 s"):
        load_audio(path, start=1.0, end=2.0)
    assert len(load_audio(path, start=1.0, allow_silence=True)) == 16000


def test_quiet_speech_is_not_silent():
    assert waveform_fault(noise() * 1e-2) == ""


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_audio_is_unreadable(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav: (unreadable|empty)"):
        load_audio(path)


def test_a_missing_file_and_one_cut_off_are_unreadable(tmp_path):
    with pytest.raises(AudioError, match=r"no\.wav: unreadable"):
        load_audio(tmp_path / "no.wav")
    for form in ("flac", "mp3"):
        path = write(tmp_path / f"cut.{form}", noise(160000))
        path.write_bytes(path.read_bytes()[:20000])
        with pytest.raises(AudioError, match=rf"cut\.{form}: unreadable"):
            load_audio(path)
