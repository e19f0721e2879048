"""Copies are found through resampling, gain, coding and trimming, and other speech is not accused."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data import fingerprint as module
from transfer.data.audio import load_audio
from transfer.data.fingerprint import RATE, fingerprint, fingerprints, near_copies

SPEECH_RATE = 24_000


def voice(seed, seconds=2.5):
    """A voice-like sound: pulses of a wandering pitch through wandering resonances, with pauses."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SPEECH_RATE)
    knots = np.linspace(0, n, int(seconds * 8))

    def walk(low, high):
        return np.interp(np.arange(n), knots, rng.uniform(low, high, len(knots)))

    sound = sum(
        walk(0, 1) * np.sin(k * np.cumsum(2 * np.pi * walk(110, 220) / SPEECH_RATE)) / k**0.5 for k in range(1, 14)
    )
    return (0.05 * walk(0.1, 1) * sound + 1e-4 * rng.normal(size=n)).astype(np.float32)


def words(wave, rate=SPEECH_RATE):
    return fingerprint(soxr.resample(wave, rate, RATE).astype(np.float32))


def saved(path, wave, rate=SPEECH_RATE):
    soundfile.write(path, wave, rate, subtype="PCM_16")
    return fingerprint(load_audio(path, sample_rate=RATE))


OTHERS = {f"other{i}": words(voice(100 + i)) for i in range(40)}


def test_different_sounds_are_no_copies():
    assert near_copies(OTHERS) == []


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("gain", [0.05, 1.0, 3.0])
def test_a_copy_at_other_rate_and_gain_is_found(tmp_path, rate, gain):
    wave = voice(1)
    copy = saved(tmp_path / "copy.wav", np.clip(gain * soxr.resample(wave, SPEECH_RATE, rate), -1, 1), rate)
    (found,) = near_copies({**OTHERS, "a": words(wave), "b": copy})
    assert {found.first, found.second} == {"a", "b"}
    assert found.errors < 0.1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.floats(0, 0.8), st.floats(0, 0.8))
def test_a_trimmed_copy_is_found_wherever_it_is_cut(seed, head, tail):
    wave = voice(seed)
    cut = 0.7 * wave[int(head * SPEECH_RATE) : len(wave) - int(tail * SPEECH_RATE)]
    found = near_copies({"a": words(wave), **OTHERS, "b": words(cut)})
    assert [{copy.first, copy.second} for copy in found] == [{"a", "b"}]
    assert found[0].errors < 0.15


def test_a_lossy_copy_is_found(tmp_path):
    soundfile.write(tmp_path / "a.ogg", voice(3), SPEECH_RATE)
    copy = fingerprint(load_audio(tmp_path / "a.ogg", sample_rate=RATE))
    assert len(near_copies({"a": words(voice(3)), "b": copy, **OTHERS})) == 1


def test_the_energies_are_those_of_a_plain_fourier_transform():
    wave = soxr.resample(voice(5), SPEECH_RATE, RATE).astype(np.float64)
    edges = np.round(np.geomspace(300, 2000, 34) * 2048 / 6000).astype(int)
    energy = []
    for start in range(0, len(wave) - 2048 + 1, 64):
        power = np.abs(np.fft.rfft(wave[start : start + 2048] * np.hanning(2048))) ** 2
        energy.append([power[a:b].sum() for a, b in pairwise(edges)])
    energy = np.array(energy)
    expected = [
        [(energy[t, m] - energy[t, m + 1]) - (energy[t - 1, m] - energy[t - 1, m + 1]) > 0 for m in range(32)]
        for t in range(1, len(energy))
    ]
    found = fingerprint(wave.astype(np.float32))
    bits = np.unpackbits(found.view(np.uint8)).reshape(-1, 32)
    heard = found != 0
    assert heard.sum() > 100
    assert (bits[heard] == np.array(expected)[heard]).mean() > 0.999  # float32 against float64


def test_long_sound_is_taken_in_blocks_without_seams(monkeypatch):
    wave = soxr.resample(voice(6), SPEECH_RATE, RATE).astype(np.float32)
    whole = fingerprint(wave)
    monkeypatch.setattr(module, "BLOCK", 50)
    assert np.array_equal(fingerprint(wave), whole)


def test_silence_and_scraps_match_nothing():
    silence, scrap = np.zeros(RATE * 3, np.float32), np.zeros(100, np.float32)
    assert not fingerprint(silence).any()
    assert len(fingerprint(scrap)) == 0
    assert near_copies({"a": fingerprint(silence), "b": fingerprint(silence), "c": fingerprint(scrap)}) == []
    assert near_copies({}) == []


def test_fingerprints_are_cached_by_content_and_made_again_where_they_are_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_CACHE", str(tmp_path / "cache"))
    soundfile.write(tmp_path / "a.wav", voice(7), SPEECH_RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), SPEECH_RATE)
    paths = {"h1": str(tmp_path / "a.wav"), "h2": str(tmp_path / "empty.wav")}
    first = fingerprints(paths)
    assert set(first) == {"h1"}
    (tmp_path / "a.wav").unlink()
    assert np.array_equal(fingerprints(paths)["h1"], first["h1"])
    (file,) = (tmp_path / "cache").rglob("h1.npy")
    file.write_bytes(b"damaged")
    assert fingerprints(paths) == {}


@pytest.mark.corpora
def test_the_twice_recorded_file_of_emovo_is_found_and_no_other(corpora):
    files = {
        file.stem: fingerprint(load_audio(file, sample_rate=RATE))
        for file in sorted((corpora / "emovo" / "f3").iterdir())
    }
    assert [{copy.first, copy.second} for copy in near_copies(files)] == [{"tri-f3-n1", "tri-f3-n2"}]
