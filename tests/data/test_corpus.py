"""The corpus table's schema, and the listing of a folder."""

import math
import os
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from transfer.data.corpus import Corpus, check_table, corpus_table, is_audio, list_files, read_synthetic, some
from transfer.errors import CorpusError


def clip(name="a/1.wav", **more):
    return {"path": f"/c/{name}", "label": "a", "speaker": "s", "recording": name, **more}


def test_table_fills_what_is_not_said_and_sorts_by_recording():
    table = corpus_table([{"path": "/c/b.wav", "label": "x", "recording": "b.wav"}, clip("a.wav", end=2.0)])
    assert table["recording"].to_list() == ["a.wav", "b.wav"]
    assert table["speaker"].to_list() == ["s", ""]
    assert table["start"].to_list() == [0.0, 0.0]
    assert table["end"].iloc[0] == 2.0
    assert math.isnan(table["end"].iloc[1])


def test_table_keeps_ids_as_text_and_scores_as_numbers():
    table = corpus_table([clip("a.wav", speaker="007", session="1", phq9="7", mood="7 of 9"), clip("b.wav", phq9="")])
    assert table["speaker"].to_list() == ["007", "s"]
    assert table["session"].to_list() == ["1", ""]
    assert table["phq9"].iloc[0] == 7.0
    assert math.isnan(table["phq9"].iloc[1])
    assert table["mood"].to_list() == ["7 of 9", ""]


def test_table_writes_whole_numbers_of_a_column_with_gaps_without_decimals():
    assert corpus_table([clip(speaker=12.0)])["speaker"].to_list() == ["12"]


def test_text_that_went_over_macos_gives_the_same_table():
    composed, decomposed = (
        corpus_table([clip(label=unicodedata.normalize(form, "fröhlich"))]) for form in ("NFC", "NFD")
    )
    pd.testing.assert_frame_equal(composed, decomposed)


def test_wholly_empty_optional_text_is_left_out():
    assert "sex" not in corpus_table([clip(sex="")])
    assert "sex" in corpus_table([clip("a.wav", sex=""), clip("b.wav", sex="female")])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"label": ""}, "1 rows have an empty label"),
        ({"path": ""}, "an empty path"),
        ({"start": -1.0}, "a start that is negative"),
        ({"start": 2.0, "end": 2.0}, "an end that is not after its start"),
    ],
)
def test_faulty_rows_are_refused(fault, message):
    with pytest.raises(CorpusError, match=message):
        check_table(corpus_table([clip("a.wav"), clip("b.wav", **fault)]), name="own")


def test_the_same_clip_twice_is_refused_and_two_stretches_of_one_file_are_not():
    with pytest.raises(CorpusError, match="twice the same clip"):
        check_table(corpus_table([clip(), clip()]), name="own")
    check_table(corpus_table([clip(end=1.0), clip(start=1.0, end=2.0)]), name="own")


def test_missing_columns_wrong_kinds_and_a_foreign_index_are_refused():
    table = corpus_table([clip("a.wav"), clip("b.wav")])
    with pytest.raises(CorpusError, match="lacks the columns speaker"):
        check_table(table.drop(columns="speaker"), name="own")
    with pytest.raises(CorpusError, match="'speaker' of the corpus table must hold text"):
        check_table(table.assign(speaker=[1, 2]), name="own")
    with pytest.raises(CorpusError, match="reset_index"):
        check_table(table.iloc[1:], name="own")


def test_corpus_cannot_hold_a_table_that_breaks_the_schema():
    with pytest.raises(CorpusError, match="own: the corpus table lacks"):
        Corpus("own", Path("/c"), pd.DataFrame({"path": ["a"]}))


def test_corpus_lists_its_known_speakers_and_labels():
    corpus = Corpus("own", Path("/c"), corpus_table([clip("b.wav", label="z"), clip("a.wav", speaker="")]))
    assert corpus.speakers == ("s",)
    assert corpus.labels == ("a", "z")


def test_listing_follows_links_but_not_in_circles_and_skips_hidden_folders(tmp_path):
    root, elsewhere = tmp_path / "corpus", tmp_path / "elsewhere"
    for folder in (root / "愤怒", root / ".git", elsewhere):
        folder.mkdir(parents=True)
    for file in (root / "愤怒" / "a b.WAV", root / ".git" / "HEAD", elsewhere / "1.wav"):
        file.touch()
    (root / "linked").symlink_to(elsewhere)
    (root / "愤怒" / "circle").symlink_to(root)
    assert list_files(root) == ("linked/1.wav", "愤怒/a b.WAV")


def test_audio_is_told_by_extension_in_any_case_and_not_by_macos_shadows():
    assert [is_audio(name) for name in ("a.wav", "A.FLAC", "a.Mp3", "a.avi", "x/._a.wav", "wav")] == [True] * 3 + [
        False
    ] * 3


def test_the_record_of_a_stand_in_is_read_and_a_broken_one_is_named(tmp_path):
    assert read_synthetic(tmp_path) is None
    (tmp_path / "synthetic.json").write_text('{"shift": 0.5}')
    assert read_synthetic(tmp_path) == {"shift": 0.5}
    for broken in ("{", "[1]"):
        (tmp_path / "synthetic.json").write_text(broken)
        with pytest.raises(CorpusError, match=r"synthetic\.json"):
            read_synthetic(tmp_path)


def test_some_says_how_many_more_there_are():
    assert some(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert some([]) == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_file_name_that_is_no_unicode_is_named_with_its_cure(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    except OSError:
        pytest.skip("this file system refuses such names")
    with pytest.raises(CorpusError, match="no UTF-8; rename it"):
        list_files(tmp_path)
