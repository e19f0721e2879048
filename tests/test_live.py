"""Files as they appear and what a microphone hears, by the command."""

import json
import signal
import subprocess
import sys
import time
import types
from itertools import islice

import numpy as np
import pytest
import soundfile

from transfer.errors import UserError
from transfer.live import hear, new_audio


def write(path, seconds=1.0):
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(int(16000 * seconds)), 16000, format="WAV")


def test_files_are_told_once_when_they_grow_no_more(tmp_path):
    write(tmp_path / "old.wav")
    (tmp_path / "below").mkdir()
    data = (tmp_path / "old.wav").read_bytes()
    looks = iter(
        [
            lambda: (tmp_path / "new.wav").write_bytes(data[:1000]),
            lambda: (tmp_path / "new.wav").write_bytes(data[:2000]),  # still grows
            lambda: (tmp_path / "below" / "other.flac").write_bytes(data),
            lambda: (tmp_path / "text.txt").write_text("no audio"),
            lambda: (tmp_path / "old.wav").write_bytes(data[:3000]),  # another recording of the same name
            lambda: None,
            lambda: (tmp_path / "below" / "other.flac").unlink(),
            lambda: (tmp_path / "last.wav").write_bytes(data),
            lambda: None,
        ]
    )
    told = [path.name for path in islice(new_audio(tmp_path, pause=lambda: next(looks)()), 4)]
    assert told == ["new.wav", "other.flac", "old.wav", "last.wav"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        next(new_audio(tmp_path / "none"))


@pytest.fixture
def microphone(monkeypatch):
    """Put a microphone of noise in the place of sounddevice, and return what was asked of it."""
    asked = []

    class InputStream:
        def __init__(self, **options):
            asked.append(options)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            asked.append("closed")

        def read(self, frames):
            asked.append(frames)
            return np.full((frames, 1), 0.25, np.float32), False

    module = types.SimpleNamespace(InputStream=InputStream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return asked


def test_the_microphone_is_heard_window_after_window_and_closed(microphone):
    windows = hear(16000, 1.5)
    sounds = list(islice(windows, 2))
    windows.close()
    assert [sound.seconds for sound in sounds] == [1.5, 1.5]
    assert microphone == [{"samplerate": 16000, "channels": 1, "dtype": "float32"}, 24000, 24000, "closed"]


def test_a_microphone_that_is_not_there_is_said(monkeypatch, microphone):
    def missing(**options):
        raise OSError("no device")

    monkeypatch.setattr(sys.modules["sounddevice"], "InputStream", missing)
    with pytest.raises(UserError, match="cannot be heard: no device"):
        next(hear(16000, 1.0))
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"pip install 'transfer-speech\[microphone\]'"):
        next(hear(16000, 1.0))


def test_the_command_listens_to_the_microphone_and_watches_a_folder(
    model_file, microphone, tmp_path, monkeypatch, capfd
):
    from transfer import predict_cli

    def three_windows(rate, seconds):
        yield from islice(hear(rate, seconds), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr("transfer.live.hear", three_windows)
    predict_cli.predict_command(model_file, microphone=True, form=predict_cli.PredictionFormat.json)
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 2
    assert all(row["p_calm"] + row["p_not calm"] == pytest.approx(1) for row in rows)
    assert microphone[1] == 32000, "a slice of this model is 2 s"
    assert "no diagnosis" in err

    write(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_text("no audio")

    def two_files(folder, ready):
        yield from (folder / "bad.wav", folder / "good.wav", folder / "good.wav")
        raise KeyboardInterrupt

    monkeypatch.setattr("transfer.live.new_audio", two_files)
    predict_cli.predict_command(model_file, watch=tmp_path)
    out, err = capfd.readouterr()
    header, *lines = out.splitlines()
    assert header == "recording,speaker,slices,p_calm,p_not calm,decision,time"
    assert len(lines) == 2
    assert "skipped: 1 of 1 clips cannot be used" in err


@pytest.mark.parametrize("asked", [{}, {"paths": ["a.wav"], "microphone": True}, {"paths": ["a.wav"], "watch": "in"}])
def test_one_thing_is_judged_at_a_time(asked, tmp_path):
    from transfer.predict_cli import predict_command

    with pytest.raises(UserError, match="one of them"):
        predict_command(tmp_path, **asked)


def test_what_a_stream_cannot_give_is_refused(tmp_path):
    from transfer.predict_cli import PredictionLevel, predict_command

    for more in ({"out": tmp_path / "a.csv"}, {"refuse": True}, {"level": PredictionLevel.subject}):
        with pytest.raises(UserError, match="leave --out"):
            predict_command(tmp_path, microphone=True, **more)


def test_a_folder_is_watched_until_the_command_is_interrupted(model_file, tmp_path):
    command = [sys.executable, "-m", "transfer", "predict", str(model_file), "--watch", str(tmp_path)]
    watching = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may have it ignored
    )
    try:
        while "watching" not in (line := watching.stderr.readline()):
            assert line
        write(tmp_path / "a.wav", 3.0)
        assert watching.stdout.readline().startswith("recording,")
        assert watching.stdout.readline().startswith(str(tmp_path / "a.wav"))
        time.sleep(0.1)
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)
    finally:
        watching.kill()
        watching.communicate()
    assert watching.returncode == 0
