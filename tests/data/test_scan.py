"""Headers, hashes and problems of a corpus's files."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import soundfile

from transfer.data.scan import clip_problems, content_hashes, scan_audio, with_durations
from transfer.errors import AudioError


def write(path, seconds=1.0, rate=8000, channels=1, level=0.1):
    samples = level * np.random.default_rng(0).standard_normal((int(seconds * rate), channels))
    soundfile.write(path, samples, rate, subtype="FLOAT", format="WAV")
    return str(path)


def clips(*paths, start=0.0, end=np.nan):
    return pd.DataFrame({"path": list(paths), "start": start, "end": end})


def test_scan_tells_duration_rate_channels_and_hash_once_a_file(tmp_path):
    a, b = write(tmp_path / "a.wav", 1.5, 22050, 2), write(tmp_path / "b 声.WAV", 0.5)
    scan = scan_audio(clips(b, a, a))
    assert scan["path"].to_list() == [a, b]
    assert scan["duration"].to_list() == [1.5, 0.5]
    assert scan["sample_rate"].to_list() == [22050, 8000]
    assert scan["channels"].to_list() == [2, 1]
    assert scan["problem"].to_list() == ["", ""]
    content = (tmp_path / "a.wav").read_bytes()
    assert content_hashes(scan)[a] == hashlib.blake2b(content, digest_size=16).hexdigest()


def test_a_copy_under_another_name_has_the_same_hash(tmp_path):
    a, b, c = (write(tmp_path / f"{name}.wav", level=level) for name, level in (("a", 0.1), ("b", 0.1), ("c", 0.2)))
    hashes = content_hashes(scan_audio(clips(a, b, c)))
    assert hashes[a] == hashes[b] != hashes[c]


def test_threads_make_no_difference(tmp_path):
    table = clips(*(write(tmp_path / f"{i}.wav", 0.1 + i / 10) for i in range(6)))
    pd.testing.assert_frame_equal(scan_audio(table, threads=1), scan_audio(table, threads=4))


def planted(tmp_path):
    good, empty, silent, broken = (str(tmp_path / f"{name}.wav") for name in ("good", "empty", "silent", "broken"))
    write(good)
    write(empty, seconds=0)
    write(silent, level=0.0)
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    return clips(broken, empty, good, str(tmp_path / "missing.wav"), silent)


def test_problems_are_told_by_file(tmp_path):
    problems = scan_audio(planted(tmp_path))["problem"].to_list()
    assert problems[0].startswith("unreadable: ")
    assert problems[1:] == ["empty", "", "missing", ""]


def test_decoding_finds_silent_and_not_finite_files(tmp_path):
    assert scan_audio(planted(tmp_path), decode=True)["problem"].to_list()[-1] == "silent"
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan, 0.1]), 8000, subtype="FLOAT")
    assert scan_audio(clips(str(tmp_path / "nan.wav")), decode=True)["problem"].to_list() == ["not finite"]
    soundfile.write(tmp_path / "late.wav", np.r_[np.zeros(1 << 20), 0.1], 8000, subtype="FLOAT")
    assert scan_audio(clips(str(tmp_path / "late.wav")), decode=True)["problem"].to_list() == [""]


def test_decoding_finds_files_that_are_cut_off(tmp_path):
    path = tmp_path / "cut.mp3"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(80000), 16000)
    path.write_bytes(path.read_bytes()[:10000])
    assert scan_audio(clips(str(path)))["problem"].to_list() == [""]
    assert scan_audio(clips(str(path)), decode=True)["problem"].iloc[0].startswith("unreadable: cut off")


def test_durations_are_those_of_the_clips(tmp_path):
    path = write(tmp_path / "a.wav", 2.0)
    table = pd.concat(
        [clips(path), clips(path, start=0.5), clips(path, start=0.5, end=1.25), clips(path, end=2.02)],
        ignore_index=True,
    )
    np.testing.assert_allclose(with_durations(table, scan_audio(table))["duration"], [2.0, 1.5, 0.75, 2.0])


def test_clips_with_problems_are_refused_by_name_and_count(tmp_path):
    table = planted(tmp_path)
    with pytest.raises(
        AudioError,
        match=r"3 of 5 clips .*broken\.wav \(unreadable.*empty\.wav \(empty\).*missing\.wav \(missing\)",
    ):
        with_durations(table, scan_audio(table))


def test_clips_with_problems_are_skipped_by_choice(tmp_path):
    table = planted(tmp_path)
    kept = with_durations(table, scan_audio(table), problems="skip")
    assert [path.rsplit("/", 1)[1] for path in kept["path"]] == ["good.wav", "silent.wav"]
    assert kept.index.to_list() == [0, 1]
    with pytest.raises(AudioError, match="1 of 1 clips cannot be used"):
        with_durations(table.iloc[:1], scan_audio(table), problems="skip")
    with pytest.raises(AudioError, match="or set `bad_audio: skip`"):  # some can be used: this way goes on
        with_durations(table, scan_audio(table))


def test_extents_outside_of_the_file_are_problems(tmp_path):
    path = write(tmp_path / "a.wav", 1.0)
    table = pd.concat([clips(path, start=1.0), clips(path, end=1.5), clips(path, end=1.0)], ignore_index=True)
    found = clip_problems(table, scan_audio(table)).to_list()
    assert found == ["starts at 1 s, the file ends at 1 s", "ends at 1.5 s, the file at 1 s", ""]


def test_a_file_that_was_not_scanned_is_a_problem(tmp_path):
    a, b = write(tmp_path / "a.wav"), write(tmp_path / "b.wav")
    assert clip_problems(clips(a, b), scan_audio(clips(a))).to_list() == ["", "not scanned"]
