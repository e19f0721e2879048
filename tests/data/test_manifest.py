"""Manifests and label folders of the user's own."""

import math
import os
import unicodedata

import pandas as pd
import pytest

from transfer.data.manifest import find_manifest, read_folders, read_manifest
from transfer.data.tables import read_text_table
from transfer.errors import CorpusError

FILES = ("a/1.wav", "a/2 b.WAV", "愤怒/3.wav")


def corpus(root, text, *, name="manifest.csv", encoding="utf-8", files=FILES):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / name).write_bytes(text.encode(encoding))
    return root


def test_a_csv_manifest_gives_its_rows_and_lists_what_it_does_not_name(tmp_path):
    text = "path,label,speaker,start,end,phq9,site\na/1.wav,joy,007,,,3,x\n愤怒/3.wav,None,008,0.5,1.5,,y\n"
    found = read_manifest("own", corpus(tmp_path, text))
    table = found.table
    assert table["path"].to_list() == [str(tmp_path / "a/1.wav"), str(tmp_path / "愤怒/3.wav")]
    assert table["recording"].to_list() == ["a/1.wav", "愤怒/3.wav"]
    assert table["label"].to_list() == ["joy", "None"]
    assert table["speaker"].to_list() == ["007", "008"]
    assert table[["start", "end"]].iloc[1].to_list() == [0.5, 1.5]
    assert math.isnan(table["end"].iloc[0])
    assert table["phq9"].iloc[0] == 3.0
    assert table["site"].to_list() == ["x", "y"]
    assert found.ignored == ("a/2 b.WAV",)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_separators_and_a_byte_order_mark_make_no_difference(tmp_path, separator, encoding):
    text = f"Path{separator} Label\r\na/1.wav{separator}喜悦\r\n\r\n"
    assert read_manifest("own", corpus(tmp_path, text, name="manifest.tsv", encoding=encoding)).labels == ("喜悦",)


@pytest.mark.parametrize(
    ("encoding", "guess"),
    [("gb18030", "GB18030"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16"), ("utf-32", "UTF-32")],
)
def test_another_encoding_is_named_with_its_cure(tmp_path, encoding, guess):
    label = "fröhlich" if encoding == "cp1252" else "愤怒"
    with pytest.raises(CorpusError, match=rf"manifest\.csv: not UTF-8.*{guess}.*iconv -f {guess.upper()} -t UTF-8"):
        read_manifest("own", corpus(tmp_path, f"path,label\na/1.wav,{label}\n", encoding=encoding))


def test_the_place_of_the_wrong_byte_is_told_behind_a_byte_order_mark_too(tmp_path):
    file = tmp_path / "manifest.csv"
    file.write_bytes(b"\xef\xbb\xbfpath,label\na,b\nc,\xe9\n")
    with pytest.raises(CorpusError, match="byte 0xE9 in line 3"):
        read_text_table(file)


def test_backslashes_blanks_and_chinese_characters_are_read(tmp_path):
    text = "path,label\na\\2 b.WAV,x\n.\\愤怒\\3.wav,y\n"
    assert read_manifest("own", corpus(tmp_path, text)).table["recording"].to_list() == ["a/2 b.WAV", "愤怒/3.wav"]


def test_a_name_in_another_unicode_form_finds_its_file(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "fröhlich.wav") for form in ("NFC", "NFD"))
    found = read_manifest("own", corpus(tmp_path, f"path,label\n{composed},x\n", files=(decomposed,)))
    assert os.path.isfile(found.table["path"].iloc[0])
    assert found.table["recording"].to_list() == [composed]
    assert found.ignored == ()


@pytest.mark.parametrize("path", ["../x.wav", "a/../../x.wav", "..\\x.wav", "/etc/passwd", "C:\\corpus\\x.wav"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, path):
    (tmp_path / "x.wav").touch()
    with pytest.raises(CorpusError, match=r"line 3: the path .* leaves the corpus folder"):
        read_manifest("own", corpus(tmp_path / "inside", f"path,label\na/1.wav,x\n{path},y\n", files=FILES))


def test_absolute_paths_and_links_inside_the_folder_are_read(tmp_path):
    root = tmp_path / "corpus"
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "9.wav").touch()
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "store")
    found = read_manifest("own", corpus(root, f"path,label\n{root / 'a/1.wav'},x\nlinked/9.wav,y\n"))
    assert found.table["recording"].to_list() == ["a/1.wav", "linked/9.wav"]


def test_rows_without_a_file_are_named_with_line_and_count(tmp_path):
    with pytest.raises(
        CorpusError, match=r"2 of 3 rows name a file that is not there: a/8\.wav \(line 3\), a/9\.wav \(line 4\)"
    ):
        read_manifest("own", corpus(tmp_path, "path,label\na/1.wav,x\na/8.wav,x\na/9.wav,y\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,labl\na/1.wav,x\n", "no column 'label'; did you mean 'labl'"),
        ("path,label\n", "has no rows"),
        ("", "the table is empty"),
        ("path,label,label\na/1.wav,x,y\n", "'label' stands there more than once"),
        ("path,label\na/1.wav\n", "line 2: 1 fields where the header names 2"),
        ("path,label\na/1.wav,x,y\n", "line 2: 3 fields where the header names 2"),
        ("path,label\na/1.wav,\n", "line 2: empty label"),
        ("path,label,start\na/1.wav,x,soon\n", "line 2: start is 'soon'; expected seconds"),
        ("path,label,start,end\na/1.wav,x,2,1\n", "line 2: start 2 and end 1"),
        ("path,label,start\na/1.wav,x,-1\n", "line 2: start -1"),
        ("path,label,end\na/1.wav,x,inf\n", "line 2: end is 'inf'"),
        ("path,label\na/1.wav,x\na/1.wav,x\n", "line 3: '1.wav' is in line 2 already; leave one"),
        ("path,label\na/1.wav,x\na\\1.wav,y\n", "there with the label 'x' and here 'y'; leave one"),
        ("path,label,subject\na/1.wav,x,s1\n", "no column 'speaker', but 'subject'; if it says who speaks"),
        ("path,label,Patient_ID\na/1.wav,x,s1\n", "no column 'speaker', but 'patient_id'"),
    ],
)
def test_faults_are_named_by_file_and_line(tmp_path, text, message):
    with pytest.raises(CorpusError, match=message):
        read_manifest("own", corpus(tmp_path, text))


def test_a_subject_beside_a_speaker_is_a_column_like_others(tmp_path):
    table = read_manifest("own", corpus(tmp_path, "path,label,speaker,subject\na/1.wav,x,,s1\n")).table
    assert (table["speaker"][0], table["subject"][0]) == ("", "s1")


def test_a_table_beside_folders_of_labels_is_said_not_to_be_read(tmp_path):
    corpus(tmp_path, "path,label\na/1.wav,x\n")
    (tmp_path / "manifest.csv").rename(tmp_path / "study.csv")
    assert (
        read_folders("own", tmp_path)
        .notes[0]
        .startswith("study.csv is not read: a table that lists the clips is called")
    )
    (tmp_path / "study.csv").unlink()
    assert read_folders("own", tmp_path).notes == ()


def test_a_parquet_manifest_gives_the_same_table_as_its_csv(tmp_path):
    frame = pd.DataFrame(
        {"Path": ["a/1.wav", "愤怒/3.wav"], "label": ["x", "y"], "speaker": [7, 8], "end": [1.5, None]}
    )
    root = corpus(tmp_path, frame.to_csv(index=False))
    by_csv = read_manifest("own", root).table
    (root / "manifest.csv").unlink()
    frame.to_parquet(root / "manifest.parquet")
    pd.testing.assert_frame_equal(read_manifest("own", root).table, by_csv)


def test_a_file_that_is_no_parquet_and_two_manifests_are_refused(tmp_path):
    (tmp_path / "manifest.parquet").write_bytes(b"nothing")
    with pytest.raises(CorpusError, match="not readable as Parquet"):
        read_manifest("own", tmp_path)
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(CorpusError, match=r"more than one manifest \(manifest\.csv, manifest\.parquet\)"):
        find_manifest(tmp_path)


def test_a_parquet_manifest_is_read_as_strictly_as_a_csv(tmp_path):
    root = corpus(tmp_path, "", name="manifest.parquet")
    path = ["a/1.wav", "a/2 b.WAV"]
    for columns, message in [
        ({"label": ["x", "y"], "Label ": ["z", "z"]}, "the column 'label' stands there more than once"),
        ({"label": [["x"], ["y"]]}, "the column 'label' holds list"),
        ({"label": ["x", "y"], "speaker": [{"id": 1}, {"id": 2}]}, "the column 'speaker' holds struct"),
        ({"label": ["x", "y"], "speaker": [b"x", b"y"]}, "the column 'speaker' holds binary"),
        ({"label": ["x", "  "]}, "line 2: empty label"),
    ]:
        pd.DataFrame({"path": path, **columns}).to_parquet(root / "manifest.parquet")
        with pytest.raises(CorpusError, match=rf"manifest\.parquet.*{message}"):
            read_manifest("own", root)


def test_whole_numbers_of_a_parquet_manifest_stay_whole_where_some_are_missing(tmp_path):
    root = corpus(tmp_path, "", name="notes.txt")
    frame = pd.DataFrame({"path": ["a/1.wav", "a/2 b.WAV"], "label": [" x", "y"], "speaker": [7, None]})
    frame.astype({"speaker": "Int64"}).to_parquet(root / "manifest.parquet")
    table = read_manifest("own", root).table
    assert table["speaker"].to_list() == ["7", ""]
    assert table["label"].to_list() == ["x", "y"]


def test_a_manifest_may_say_what_is_one_recording(tmp_path):
    text = "path,label,recording\na/1.wav,x,dialogue 1\na/2 b.WAV,y,dialogue 1\n"
    assert read_manifest("own", corpus(tmp_path, text)).table["recording"].to_list() == ["dialogue 1"] * 2


def test_folders_give_their_names_as_labels_and_unknown_speakers(tmp_path):
    found = read_folders("own", corpus(tmp_path, "", name="notes.txt", files=(*FILES, "loose.wav", "a/deep/4.wav")))
    assert dict(found.table["label"].value_counts()) == {"a": 3, "愤怒": 1}
    assert found.speakers == ()
    assert found.ignored == ("loose.wav", "notes.txt")
