"""MODMA's folders and workbook."""

import math

import openpyxl
import pytest

from transfer.data.modma import read_modma
from transfer.errors import CorpusError

HEADER = [
    "subject id",
    "type",
    "age",
    "gender",
    "education（years）",
    "PHQ-9",
    "CTQ-SF",
    "LES",
    "SSRS",
    "GAD-7",
    "PSQI",
]
ROWS = [
    [2010001, "MDD", 26, "M", 16, 18, 50, -20, 35, 12, 11],
    [2020008, "HC", 31, "F", 12, 2, 40, 0, 44, None, 3],
]


def modma(
    root,
    *,
    rows=ROWS,
    header=HEADER,
    files=("02010001/01.wav", "02010001/29.WAV", "02020008/01.wav"),
    inside="audio_lanzhou_2015",
):
    for file in files:
        path = root / inside / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(root / "subjects_information_audio_lanzhou_2015.xlsx")
    return root


def test_classes_scores_and_subjects_come_from_the_workbook(tmp_path):
    corpus = read_modma("modma", modma(tmp_path))
    table = corpus.table
    assert table["speaker"].to_list() == ["02010001", "02010001", "02020008"]
    assert table["label"].to_list() == ["MDD", "MDD", "HC"]
    assert table["sex"].to_list() == ["male", "male", "female"]
    assert table["text"].to_list() == ["01", "29", "01"]
    assert table["phq9"].to_list() == [18, 18, 2]
    assert table["les"].to_list() == [-20, -20, 0]
    assert table["education"].to_list() == [16, 16, 12]
    assert table["gad7"].iloc[0] == 12
    assert math.isnan(table["gad7"].iloc[2])
    assert (corpus.ignored, corpus.missing) == ((), ())


def test_the_folders_may_lie_beside_the_workbook(tmp_path):
    assert read_modma("modma", modma(tmp_path, inside=".")).table["recording"].iloc[0] == "02010001/01.wav"


def test_subjects_written_as_text_are_the_same_subjects(tmp_path):
    rows = [["02010001", "MDD", *ROWS[0][2:]], ["02020008", " hc ", *ROWS[1][2:]]]
    assert read_modma("modma", modma(tmp_path, rows=rows)).labels == ("HC", "MDD")


def test_every_file_and_subject_is_accounted_for(tmp_path):
    files = ("02010001/01.wav", "02010001/notes.txt", "02030099/01.wav")
    corpus = read_modma("modma", modma(tmp_path, files=files))
    assert corpus.table["speaker"].to_list() == ["02010001"]
    assert corpus.ignored == ("audio_lanzhou_2015/02010001/notes.txt", "audio_lanzhou_2015/02030099/01.wav")
    assert corpus.missing == ("02020008",)


def test_an_unknown_class_and_a_foreign_id_are_named(tmp_path):
    with pytest.raises(CorpusError, match="type of subject 02010001 is 'BD'; expected HC or MDD"):
        read_modma("modma", modma(tmp_path, rows=[[2010001, "BD", *ROWS[0][2:]]]))
    with pytest.raises(CorpusError, match="subject id 'total' is not a number"):
        read_modma("modma", modma(tmp_path, rows=[*ROWS, ["total", "HC", *ROWS[0][2:]]]))


def test_a_workbook_without_its_columns_or_that_is_none_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"expected the columns 'subject id' and 'type'.*found id, class"):
        read_modma("modma", modma(tmp_path, header=["id", "class"], rows=[]))
    (tmp_path / "subjects_information_audio_lanzhou_2015.xlsx").write_bytes(b"no zip")
    with pytest.raises(CorpusError, match=r"not readable as an \.xlsx workbook"):
        read_modma("modma", tmp_path)


def test_recordings_without_a_workbook_and_folders_of_no_subject_are_refused(tmp_path):
    (modma(tmp_path) / "subjects_information_audio_lanzhou_2015.xlsx").unlink()
    with pytest.raises(CorpusError, match=r"expected files such as 02010001/01\.wav and subjects_information"):
        read_modma("modma", tmp_path)
    with pytest.raises(CorpusError, match="no folder is that of a subject"):
        read_modma("modma", modma(tmp_path, rows=[[9999999, "HC", *ROWS[0][2:]]]))
