"""Recordings in memory: what `load_audio` gives of a file, and every hostile one refused without much memory."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from transfer.data.audio import load_audio
from transfer.data.sound import Sound, decode
from transfer.errors import AudioError


def encoded(samples, rate=16000, form="WAV", **more):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, **more)
    return file.getvalue()


NOISE = 0.1 * np.random.default_rng(0).standard_normal((30000, 2))


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
def test_a_stretch_is_what_loading_the_file_gives(form, tmp_path):
    data = encoded(NOISE, 22050, form)
    (tmp_path / "a").write_bytes(data)
    sound = decode(data)
    assert sound.seconds == pytest.approx(30000 / 22050)
    heard = sound.stretch(0.25, 1.1, 16000)
    assert np.array_equal(heard, load_audio(tmp_path / "a", start=0.25, end=1.1, sample_rate=16000))


def test_what_cannot_be_used_is_told_apart():
    huge = bytearray(encoded(NOISE))
    huge[4:8] = huge[40:44] = (3_000_000_000).to_bytes(4, "little")
    flac = encoded(NOISE, form="FLAC")
    cases = {
        b"": "not a byte of audio",
        b"this is text": "Format not recognised",
        b"RIFF\x00\x00\x00\x00WAVE": "not readable as audio",
        bytes(huge[:1000]): "cut off",
        encoded(NOISE)[:9000]: "cut off",
        flac[: len(flac) // 2]: "not readable as audio",
        encoded(np.zeros((100, 1))): "silent",
        encoded(np.zeros((0, 1))): "empty",
        encoded(np.full((100, 1), np.nan), subtype="FLOAT"): "not finite",
        encoded(np.full((1000, 8), 0.1), 192000): "8 channels at 192000 Hz",
        encoded(np.tile(NOISE, (2, 1))): "lasts longer than the 2 s",
    }
    for data, message in cases.items():
        with pytest.raises(AudioError, match=message):
            decode(data, longest=2)


def test_hours_of_silence_in_a_small_file_take_no_memory():
    bomb = encoded(np.full(16000 * 600, 0.25, np.float32), form="FLAC")
    assert len(bomb) < 500_000
    tracemalloc.start()
    with pytest.raises(AudioError, match="longer than"):
        decode(bomb, longest=60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_pause_is_silent_and_the_speech_beside_it_is_not():
    sound = Sound(np.concatenate([np.zeros(16000), NOISE[:, 0]]).astype(np.float32), 16000)
    assert len(sound.stretch(1.0, 2.0, 8000)) == 8000
    with pytest.raises(AudioError, match="silent from 0 s to 1 s"):
        sound.stretch(0.0, 1.0, 8000)
