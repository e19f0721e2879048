"""A file is opened once: what brings a second look, and what a damaged or missing cache does."""

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from transfer.data import scan as scanning
from transfer.data import scan_cache
from transfer.data.scan import scan_audio
from transfer.data.scan_cache import Found, ScanCache, settled, stamp


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give a cache of its own, in which files that have just been written are kept too."""
    monkeypatch.setenv("TRANSFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(scan_cache, "SETTLED", 0.0)
    return tmp_path / "cache" / "scans" / f"files-{scan_cache.FORMAT}.sqlite"


@pytest.fixture
def opened(monkeypatch):
    """Count the files whose content is read, by hash or header."""
    names = []
    digest, sound = scanning._hash, soundfile.SoundFile
    monkeypatch.setattr(scanning, "_hash", lambda path: (names.append(Path(path).name), digest(path))[1])
    kept = SimpleNamespace(
        SoundFile=lambda path: (names.append(Path(path).name), sound(path))[1], SoundFileError=soundfile.SoundFileError
    )
    monkeypatch.setattr(scanning, "soundfile", kept)
    return names


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(0)
    for name in "abcdefg":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(800), 8000)
    return pd.DataFrame({"path": [str(tmp_path / f"{name}.wav") for name in "abcdefg"]})


def test_the_second_scan_of_an_unchanged_corpus_opens_no_file_and_finds_the_same(corpus, opened, monkeypatch):
    monkeypatch.setattr(scanning, "BATCH", 3)
    first = scan_audio(corpus)
    assert sorted(opened) == sorted(2 * [f"{name}.wav" for name in "abcdefg"])
    opened.clear()
    pd.testing.assert_frame_equal(scan_audio(corpus), first)
    assert opened == []


@pytest.mark.parametrize("change", ["content", "times put back", "another file of its size and time", "renamed"])
def test_a_changed_file_is_looked_at_again_and_only_that_one(corpus, opened, change):
    scan_audio(corpus)
    opened.clear()
    file = Path(corpus["path"][1])
    before = file.stat()
    samples, rate = soundfile.read(file)
    if change == "another file of its size and time":
        other = file.with_name("other")
        soundfile.write(other, -samples, rate, format="WAV")
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(file)
    elif change == "renamed":
        file.rename(file.with_name("z.wav"))
        corpus = corpus.replace(str(file), str(file.with_name("z.wav")))
    else:
        soundfile.write(file, -samples, rate)
        if change == "times put back":
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = scan_audio(corpus)
    looked = "z.wav" if change == "renamed" else "b.wav"
    assert opened == [looked, looked]
    content = Path(found["path"][found["path"].str.endswith(looked)].iloc[0]).read_bytes()
    digest = scanning.hashlib.blake2b(content, digest_size=16).hexdigest()
    assert digest in set(found["hash"])
    assert found["hash"].is_unique


def test_decoding_is_remembered_apart_from_the_header(corpus, opened, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    assert scan_audio(corpus)["problem"].eq("").all()
    opened.clear()
    assert scan_audio(corpus, decode=True)["problem"].to_list() == ["silent"] + 6 * [""]
    assert len(opened) == 14
    opened.clear()
    assert scan_audio(corpus, decode=True)["problem"].to_list() == ["silent"] + 6 * [""]
    assert scan_audio(corpus)["problem"].eq("").all()
    assert opened == []


def test_what_could_not_be_opened_is_tried_again_and_what_is_empty_is_not(corpus, opened, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 8000)
    (tmp_path / "c.wav").unlink()
    for _ in range(2):
        opened.clear()
        problems = scan_audio(corpus)["problem"].to_list()
        assert problems[0].startswith("unreadable: ")
        assert problems[1:] == ["empty", "missing", "", "", "", ""]
    assert opened == ["a.wav", "a.wav"]


def test_a_file_that_has_just_changed_is_not_trusted(corpus, opened, monkeypatch):
    monkeypatch.setattr(scan_cache, "SETTLED", 3600.0)
    scan_audio(corpus)
    opened.clear()
    scan_audio(corpus)
    assert len(opened) == 14
    assert settled(stamp(corpus["path"][0])) is False
    os.utime(corpus["path"][0], (0, 0))  # the content's time alone can be forged
    assert settled(stamp(corpus["path"][0])) is False


@pytest.mark.parametrize("damage", ["no database", "cut off", "overwritten pages", "empty"])
def test_a_damaged_cache_is_made_anew(corpus, opened, cache, damage):
    first = scan_audio(corpus)
    content = cache.read_bytes()
    damaged = {
        "no database": b"not a database, but long enough to look like one" * 100,
        "cut off": content[: len(content) // 2],
        "overwritten pages": content[:4096] + bytes(b ^ 0xFF for b in content[4096:]),
        "empty": b"",
    }
    cache.write_bytes(damaged[damage])
    for _ in range(2):
        opened.clear()
        pd.testing.assert_frame_equal(scan_audio(corpus), first)
    assert opened == []


def test_a_record_that_was_tampered_with_is_not_believed(corpus, opened, cache):
    first = scan_audio(corpus)
    opened.clear()
    with sqlite3.connect(cache) as base:
        base.execute("UPDATE files SET record = replace(record, '8000', '9000') WHERE path LIKE '%d.wav'")
    base.close()
    pd.testing.assert_frame_equal(scan_audio(corpus), first)
    assert opened == ["d.wav", "d.wav"]


def test_a_cache_that_cannot_be_written_changes_nothing_but_the_time(corpus, opened, cache, monkeypatch):
    first = scan_audio(corpus)
    cache.unlink()
    cache.mkdir()
    pd.testing.assert_frame_equal(scan_audio(corpus), first)
    (cache.parent.parent / "file").touch()
    monkeypatch.setenv("TRANSFER_CACHE", str(cache.parent.parent / "file"))
    pd.testing.assert_frame_equal(scan_audio(corpus), first)
    assert len(opened) == 3 * 14


def test_the_path_counts_from_the_root_of_the_file_system(tmp_path, monkeypatch):
    cache = ScanCache(tmp_path / "base")
    cache.keep({str(tmp_path / "a.wav"): ("1 2 3", Found(hash="3f"))})
    monkeypatch.chdir(tmp_path)
    assert cache.known({"a.wav": "1 2 3"})["a.wav"].hash == "3f"
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert cache.known({"a.wav": "1 2 3"}) == {}
