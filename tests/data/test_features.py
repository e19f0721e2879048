"""Features are computed once, for what they are, and never taken from a damaged cache."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from feature_extractors.frontends import FRONTENDS, MFCC
from transfer.data import feature_cache as module
from transfer.data.audio import load_audio
from transfer.data.features import extract_features


@pytest.fixture
def slices(tmp_path):
    """Return a slice table over two files, one of them cut into two slices."""
    rng = np.random.default_rng(0)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(32000), 16000)
    rows = [("a", 0.0, 1.0), ("a", 1.0, 2.0), ("b", 0.0, 2.0)]
    return pd.DataFrame(
        [{"path": str(tmp_path / f"{n}.wav"), "hash": f"hash {n}", "start": s, "end": e} for n, s, e in rows]
    )


class Counting(MFCC):
    """A front end that counts the clips it is given."""

    calls = 0

    def forward(self, waveform):
        type(self).calls += 1
        return super().forward(waveform)


@pytest.fixture
def front_end():
    Counting.calls = 0
    return Counting(order=2)


def test_a_slices_features_are_those_of_its_own_samples(slices, front_end, tmp_path):
    store = extract_features(slices, front_end, folder=tmp_path)
    wave, _ = soundfile.read(slices.at[1, "path"], dtype="float32")
    expected = MFCC(order=2)(torch.from_numpy(wave[16000:])).T.numpy()
    assert np.array_equal(store.clip(1), expected)
    assert [len(store.clip(i)) for i in range(3)] == store.lengths.tolist() == [32, 32, 63]


def test_the_second_time_nothing_is_computed(slices, front_end, tmp_path):
    first = extract_features(slices, front_end, folder=tmp_path)
    second = extract_features(slices, front_end, folder=tmp_path)
    assert Counting.calls == 3
    assert second.cached
    assert not first.cached
    assert np.array_equal(first.frames, second.frames)


@pytest.mark.parametrize("change", ["parameter", "content", "extent"])
def test_another_parameter_content_or_extent_is_another_cache_entry(change, slices, front_end, tmp_path):
    extract_features(slices, front_end, folder=tmp_path)
    if change == "parameter":
        front_end = Counting(order=3)
    elif change == "content":
        slices.loc[0, "hash"] = "other"
    else:
        slices.loc[0, "end"] = 0.9
    assert not extract_features(slices, front_end, folder=tmp_path).cached


def test_the_path_of_a_file_does_not_matter(slices, front_end, tmp_path):
    extract_features(slices, front_end, folder=tmp_path)
    moved = slices.assign(path=[f"/elsewhere/{i}" for i in range(3)])
    assert extract_features(moved, front_end, folder=tmp_path).cached


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_cache_file_is_computed_again_and_said(damage, slices, front_end, tmp_path, caplog):
    first = extract_features(slices, front_end, folder=tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[-100] ^= 0xFF
    file.write_bytes({"flip": data, "cut": data[: len(data) // 2], "empty": b""}[damage])
    again = extract_features(slices, front_end, folder=tmp_path)
    assert not again.cached
    assert np.array_equal(first.frames, again.frames)
    assert "damaged" in caplog.text
    assert extract_features(slices, front_end, folder=tmp_path).cached


def test_a_write_that_fails_leaves_nothing(slices, front_end, tmp_path, monkeypatch):
    def fail(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        extract_features(slices, front_end, folder=tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_unusable_slices_are_listed_with_their_reason(slices, front_end, tmp_path):
    soundfile.write(slices.at[2, "path"], np.zeros(32000), 16000)
    store = extract_features(slices, front_end, folder=tmp_path)
    assert store.lengths[2] == 0
    assert "silent" in store.problems[2]
    assert extract_features(slices, front_end, folder=tmp_path).problems == store.problems


class Meeting(MFCC):
    """A front end that waits for a second clip to be in it."""

    def forward(self, waveform):
        self.barrier.wait(timeout=10)
        return super().forward(waveform)


def test_clips_are_worked_on_side_by_side(slices, tmp_path):
    front_end = Meeting()
    front_end.barrier = Barrier(3)
    assert len(extract_features(slices, front_end, threads=3, folder=tmp_path)) == 3


def test_neither_numbers_nor_order_depend_on_the_threads(slices, tmp_path):
    many = slices.sample(40, replace=True, random_state=0, ignore_index=True)
    many["end"] -= np.linspace(0, 0.9, 40)  # slices of every length, so that some overtake others
    alone, together = (extract_features(many, MFCC(), threads=n, folder=tmp_path / f"{n}") for n in (1, 4))
    assert np.array_equal(alone.lengths, together.lengths)
    assert np.array_equal(alone.frames, together.frames)
    for i, row in many.iterrows():
        wave = load_audio(row["path"], start=row["start"], end=row["end"])
        assert np.array_equal(together.clip(i), MFCC()(wave).T)


@pytest.mark.parametrize("name", sorted(FRONTENDS))
def test_every_front_end_is_extracted_and_cached(name, slices, tmp_path):
    front_end = FRONTENDS[name]()
    store = extract_features(slices, front_end, folder=tmp_path)
    assert store.lengths.tolist() == [front_end.frames(n) for n in (16000, 16000, 32000)]
    assert not store.problems
    again = extract_features(slices, FRONTENDS[name](), folder=tmp_path)
    assert again.cached
    assert np.array_equal(again.frames, store.frames)


def _extract(job):
    slices, folder = job
    return extract_features(slices, MFCC(order=2), folder=folder).frames


def test_two_processes_may_extract_the_same_features_at_once(slices, tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(_extract, [(slices, tmp_path)] * 2)
    assert np.array_equal(first, second)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    assert not list(tmp_path.glob(".*.tmp"))
