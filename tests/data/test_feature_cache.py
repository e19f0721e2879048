"""Features are kept clip by clip: any choice of the same clips, in any order and role, finds them."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from feature_extractors.frontends import MFCC
from transfer.data import features as module
from transfer.data.feature_cache import FeatureCache, Pack
from transfer.data.features import extract_features


class Counting(MFCC):
    """A front end that counts the clips it is given."""

    calls = 0

    def forward(self, waveform):
        type(self).calls += 1
        return super().forward(waveform)


@pytest.fixture
def slices(tmp_path):
    """Return a slice table over one file of 3 s, cut into six slices; the counter begins at 0."""
    Counting.calls = 0
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(48000), 16000)
    starts = np.arange(6) / 2
    return pd.DataFrame({"path": str(tmp_path / "a.wav"), "hash": "a", "start": starts, "end": starts + 0.5})


def test_another_order_or_choice_of_the_same_clips_computes_nothing(slices, tmp_path):
    first = extract_features(slices, Counting(), folder=tmp_path)
    some = slices.iloc[[4, 0, 4]]
    again = extract_features(some, Counting(), folder=tmp_path)
    assert Counting.calls == 6
    assert again.cached
    assert all(np.array_equal(again.clip(i), first.clip(k)) for i, k in enumerate([4, 0, 4]))


def test_only_the_clips_that_are_new_are_computed(slices, tmp_path):
    extract_features(slices.iloc[:4], Counting(), folder=tmp_path)
    assert not extract_features(slices, Counting(), folder=tmp_path).cached
    assert Counting.calls == 6
    assert extract_features(slices, Counting(), folder=tmp_path).cached


def test_a_clip_that_stands_twice_in_a_table_is_computed_once(slices, tmp_path):
    twice = extract_features(pd.concat([slices, slices]), Counting(), folder=tmp_path)
    assert Counting.calls == 6
    assert np.array_equal(twice.clip(1), twice.clip(7))


def test_an_interrupted_extraction_keeps_the_packs_it_has_written(slices, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACK", 1)  # a file for every clip

    class Tired(Counting):
        def forward(self, waveform):
            if type(self).calls == 4:
                raise KeyboardInterrupt
            return super().forward(waveform)

    Tired.calls = 0
    with pytest.raises(KeyboardInterrupt):
        extract_features(slices, Tired(), folder=tmp_path, threads=1)
    kept = len(list(tmp_path.glob("*.safetensors")))
    assert kept == 4
    extract_features(slices, Counting(), folder=tmp_path)
    assert Counting.calls == 2


def test_damage_to_one_pack_costs_the_clips_of_that_pack_alone(slices, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "PACK", 1)
    whole = extract_features(slices, Counting(), folder=tmp_path).frames
    damaged = sorted(tmp_path.glob("*.safetensors"))[2]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    assert np.array_equal(extract_features(slices, Counting(), folder=tmp_path).frames, whole)
    assert Counting.calls == 7
    assert damaged.name in caplog.text


def test_stored_features_are_read_from_a_file_that_was_removed_meanwhile(slices, tmp_path):
    expected = extract_features(slices, MFCC(), folder=tmp_path)
    stored = extract_features(slices, MFCC(), folder=tmp_path, stored=True)
    for file in tmp_path.glob("*.safetensors"):
        file.unlink()
    assert np.array_equal(stored.frames, expected.frames)
    assert np.array_equal(stored.clip(3), expected.clip(3))


def test_stored_features_of_a_file_that_was_cut_are_an_error_not_a_crash(slices, tmp_path):
    stored = extract_features(slices, MFCC(), folder=tmp_path, stored=True)
    (file,) = tmp_path.glob("*.safetensors")
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 8)
    with pytest.raises(OSError, match="cut short while they were in use"):
        stored.clip(5)


@pytest.mark.parametrize("part", ["lengths", "names"])
def test_an_index_that_was_changed_is_refused(part, tmp_path):
    FeatureCache(tmp_path, {}).write(["one", "two"], [np.zeros((3, 2), np.float32)] * 2, {})
    (file,) = tmp_path.glob("*.safetensors")
    data = file.read_bytes()
    lengths = np.array([3, 3]).tobytes()
    assert data.count(lengths) == 1
    changed = {"lengths": (lengths, np.array([2, 4]).tobytes()), "names": (b"two", b"owt")}[part]
    file.write_bytes(data.replace(*changed))
    with pytest.raises(ValueError, match="index differs"):
        Pack(file)
