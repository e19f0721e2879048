"""Slices of several pieces sound like their pieces, one after another."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from transfer.data.audio import load_audio
from transfer.data.pieces import Piece, load_pieces, one_row_a_piece, pieces_of, slice_hashes
from transfer.errors import AudioError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.concatenate([np.zeros(8000), 0.3 * np.sin(np.arange(8000))]), 8000)
    return str(path)


def test_pieces_are_heard_one_after_another_with_their_silence(file):
    wave = load_pieces([Piece(file, 1.0, 1.5), Piece("", 0.0, 0.5), Piece(file, 0.5, 1.25)], sample_rate=8000)
    first, last = (load_audio(file, start=a, end=b, sample_rate=8000) for a, b in ((1.0, 1.5), (0.5, 1.25)))
    assert np.array_equal(wave, np.concatenate([first, np.zeros(4000, np.float32), last]))


def test_silent_pieces_are_accepted_but_not_a_silent_slice(file):
    assert len(load_pieces([Piece(file, 0.0, 0.5), Piece(file, 1.0, 1.5)], sample_rate=8000)) == 8000
    with pytest.raises(AudioError, match="silent"):
        load_pieces([Piece(file, 0.0, 0.5), Piece("", 0.0, 0.5)], sample_rate=8000)
    with pytest.raises(AudioError, match="silent"):
        load_pieces([Piece(file, 0.0, 0.5)], sample_rate=8000)


def test_rows_of_pieces_are_indexed_by_their_slice_and_hold_no_silence():
    joined = (Piece("a", 0.0, 1.0, "s", "r"), Piece("", 0.0, 0.5), Piece("b", 0.0, 1.0, "s", "q"))
    table = pd.DataFrame({"path": ["z", "a"], "start": 0.0, "end": 2.5, "speaker": "s", "recording": "z"})
    table["pieces"] = [np.nan, joined]  # a corpus of whole clips beside one that was joined
    assert [len(found) for found in pieces_of(table)] == [1, 3]
    rows = one_row_a_piece(table)
    assert rows.index.to_list() == [0, 1, 1]
    assert rows["path"].to_list() == ["z", "a", "b"]
    assert rows["recording"].to_list() == ["z", "r", "q"]


def test_hashes_of_joined_slices_follow_content_and_extent_and_not_the_path():
    def hashed(end, content):
        pieces = (Piece("a", 0.0, 1.0), Piece("b", 0.0, end))
        return slice_hashes(pd.DataFrame({"path": ["a"], "start": 0.0, "end": 2.0, "pieces": [pieces]}), content)[0]

    same = hashed(1.0, {"a": "1", "b": "2"})
    assert hashed(1.0, {"a": "1", "b": "2", "c": "3"}) == same
    assert hashed(1.5, {"a": "1", "b": "2"}) != same
    assert hashed(1.0, {"a": "1", "b": "9"}) != same


def test_a_joined_slice_of_one_piece_is_named_by_where_its_audio_lies():
    rows = [
        {"path": "a.wav", "start": 0.0, "end": 10.0, "pieces": (Piece("a.wav", at, at + 10.0),)} for at in (0.0, 50.0)
    ]
    first, second = slice_hashes(pd.DataFrame(rows), {"a.wav": "3f"})
    assert first == "3f"
    assert second != first
