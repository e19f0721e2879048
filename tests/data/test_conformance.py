"""Every reader over the stand-in of its corpus: what comes out is what was written, and no file is lost on the way."""

import atexit
import os
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd
import pytest

from transfer.data.corpus import SYNTHETIC_RECORD, is_audio, list_files
from transfer.data.labels import canonical_label
from transfer.data.readers import READERS, guess_reader, read_corpus
from transfer.data.scan import scan_audio, with_durations
from transfer.data.synthetic import LAYOUTS, synthesize
from transfer.errors import CorpusError


class Case(NamedTuple):
    speakers: int  # ordered
    clips: int  # ordered, per speaker and class
    by_class: dict[str, int]
    by_speaker: dict[str, int]
    told: tuple[str, ...]  # columns beyond path, start, end, label, speaker and recording that hold something
    tables: int = 0


def each(number, *names):
    return dict.fromkeys(names, number)


SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
NAMED = ("sex", "language", "text")
CASES = {
    "audformat": Case(
        2,
        1,
        each(2, "anger", "happiness", "neutral", "sadness"),
        {"01": 4, "02": 4},
        ("sex", "language", "age"),
        tables=3,
    ),
    "casia": Case(
        2,
        1,
        each(2, "angry", "fear", "happy", "neutral", "sad", "surprise"),
        {"liuchanhg": 6, "wangzhe": 6},
        ("language", "text"),
    ),
    "crema_d": Case(
        2,
        1,
        each(2, "anger", "disgust", "fear", "happy", "neutral", "sad"),
        {"1001": 6, "1002": 6},
        (*NAMED, "age", "intensity"),
        tables=1,
    ),
    "daic_woz": Case(
        5,
        2,
        {"depressed": 4, "not_depressed": 6},
        {"300": 2, "301": 2, "302": 2, "303": 2, "304": 2},
        ("sex", "language", "split", "phq8", "turn"),
        tables=9,
    ),
    "emodb": Case(
        2,
        1,
        each(2, "anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
        {"03": 7, "08": 7},
        (*NAMED, "take"),
    ),
    "emovo": Case(
        2,
        1,
        each(2, "anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
        {"f1": 7, "m1": 7},
        NAMED,
    ),
    "enterface": Case(2, 1, each(2, *SIX), {"1": 6, "2": 6}, ("language", "text")),
    "folders": Case(2, 1, each(2, "anger", "happiness", "neutral", "sadness"), {"": 8}, ()),
    "iemocap": Case(
        3,
        1,
        each(3, "ang", "exc", "fru", "hap", "neu", "sad"),
        {"Ses01F": 6, "Ses01M": 6, "Ses02F": 6},
        (*NAMED, "session", "dialogue", "valence", "arousal", "dominance"),
        tables=4,
    ),
    "manifest": Case(
        2,
        1,
        each(2, "aggressive", "cheerful", "intoxicated", "nervous", "neutral", "tired"),
        {"01": 6, "02": 6},
        ("sex", "session", "split"),
        tables=1,
    ),
    "modma": Case(
        2,
        2,
        {"HC": 2, "MDD": 2},
        {"02010001": 2, "02020001": 2},
        (*NAMED, "age", "education", "phq9", "gad7"),
        tables=1,
    ),
    "nemo": Case(
        2,
        1,
        each(2, "anger", "fear", "happiness", "neutral", "sadness", "surprised"),
        {"EB0": 6, "SM0": 6},
        (*NAMED, "age"),
        tables=1,
    ),
    "ravdess": Case(
        2,
        1,
        each(2, "angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised"),
        {"01": 8, "02": 8},
        (*NAMED, "intensity", "take"),
    ),
    "savee": Case(2, 1, each(2, *SIX, "neutral"), {"DC": 7, "JE": 7}, NAMED),
    "tess": Case(
        2,
        1,
        each(2, "angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        {"OAF": 7, "YAF": 7},
        NAMED,
    ),
    # The fourth to seventh speaker have one emotion each, as 26 of 29 have in the public copy.
    "urdu": Case(
        7,
        1,
        each(4, "angry", "happy", "neutral", "sad"),
        {"SM1": 4, "SF1": 4, "SM2": 4, "SM3": 1, "SM4": 1, "SF5": 1, "SM6": 1},
        ("sex", "language"),
    ),
}
WITH_TEXT_TABLES = ("audformat", "crema_d", "daic_woz", "iemocap", "manifest", "nemo")
FOLDER = TemporaryDirectory(prefix="standins-")
atexit.register(FOLDER.cleanup)
NAMED_IN_TABLES = ("audformat", "manifest")  # with their extension


@cache
def standin(name):
    case = CASES[name]
    return synthesize(name, Path(FOLDER.name) / name, speakers=case.speakers, clips=case.clips)


def read(name, root=None):
    return read_corpus("mine", root or standin(name), reader=name)


def linked(name, root, *, rename=lambda file: file):
    """Write the stand-in anew as links to its files."""
    source = standin(name)
    for file in list_files(source):
        path = root / rename(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(source / file)
    return root


def without_place(table):
    return table.drop(columns=["path", "recording"])


def test_every_reader_has_a_stand_in_and_a_case():
    assert set(READERS) == set(LAYOUTS) - {"phonemes"} == set(CASES)  # a manifest too, see test_synthetic_phonemes


@pytest.mark.parametrize("name", CASES)
def test_counts_by_class_and_by_speaker_are_those_that_were_written(name):
    table, case = read(name).table, CASES[name]
    assert Counter(table["label"]) == case.by_class
    assert Counter(table["speaker"]) == case.by_speaker


@pytest.mark.parametrize("name", CASES)
def test_every_file_is_accounted_for_once(name):
    root = standin(name)
    (root / "notes.txt").write_text("mine", encoding="utf-8")
    try:
        corpus = read(name)
    finally:
        (root / "notes.txt").unlink()
    clips = sorted({Path(path).relative_to(root).as_posix() for path in corpus.table["path"]})
    left_out = [file for files in corpus.left_out.values() for file in files]
    accounts = [*clips, *corpus.ignored, *corpus.tables, *left_out, SYNTHETIC_RECORD]
    assert sorted(accounts) == sorted([*list_files(root), "notes.txt"])
    assert corpus.ignored == ("notes.txt",)
    assert corpus.missing == ()
    assert len(corpus.tables) == CASES[name].tables


@pytest.mark.parametrize("name", CASES)
def test_every_label_has_a_canonical_class(name):
    assert [label for label in read(name).labels if canonical_label(label) is None] == []


@pytest.mark.parametrize("name", CASES)
def test_what_the_corpus_tells_beside_the_label_comes_out(name):
    table = read(name).table
    for column in CASES[name].told:
        assert table[column].notna().all(), column
        assert table[column].ne("").all(), column
    assert set(table.get("sex", ())) <= {"male", "female"}


@pytest.mark.parametrize("name", CASES)
def test_the_stand_in_is_known_as_one_and_can_be_heard(name):
    corpus = read(name)
    assert corpus.synthetic["name"] == name
    scan = scan_audio(corpus.table, decode=True)
    assert scan["problem"].eq("").all()
    assert with_durations(corpus.table, scan)["duration"].between(0.3, 20).all()


@pytest.mark.parametrize("name", CASES)
def test_the_reader_is_guessed_from_the_layout(name):
    assert guess_reader(standin(name)) == name


@pytest.mark.parametrize("name", CASES)
def test_blanks_and_chinese_characters_in_the_path_and_linked_files_make_no_difference(name, tmp_path):
    root = linked(name, tmp_path / "我的 语料" / "corpus of mine")
    (tmp_path / "link").symlink_to(root)
    for place in (root, tmp_path / "link"):
        found = read(name, place)
        pd.testing.assert_frame_equal(found.table.drop(columns="path"), read(name).table.drop(columns="path"))
        assert all(Path(path).is_file() for path in found.table["path"])
        assert guess_reader(place) == name


@pytest.mark.parametrize("name", [name for name in CASES if name not in NAMED_IN_TABLES])
def test_upper_case_extensions_make_no_difference(name, tmp_path):
    def shout(file):
        path = Path(file)
        return path.with_suffix(path.suffix.upper()).as_posix() if is_audio(file) else file

    found = read(name, linked(name, tmp_path / "loud", rename=shout))
    assert all(path.endswith(".WAV") for path in found.table["path"])
    pd.testing.assert_frame_equal(without_place(found.table), without_place(read(name).table))


@pytest.mark.parametrize("name", CASES)
def test_what_macos_and_windows_leave_in_folders_is_listed_and_changes_nothing(name, tmp_path):
    root = linked(name, tmp_path / "copied")
    first = Path(read(name, root).table["path"].iloc[0])
    debris = (first.parent / f"._{first.name}", root / ".DS_Store", root / "Thumbs.db", root / "desktop.ini")
    for file in debris:
        file.write_bytes(b"\0\0\0\1")
    found = read(name, root)
    pd.testing.assert_frame_equal(found.table.drop(columns="path"), read(name).table.drop(columns="path"))
    assert set(found.ignored) == {file.relative_to(root).as_posix() for file in debris}


@pytest.mark.parametrize("name", WITH_TEXT_TABLES)
def test_a_byte_order_mark_and_windows_line_ends_make_no_difference(name, tmp_path):
    root = linked(name, tmp_path / "corpus")
    for file in read(name).tables:
        text = (standin(name) / file).read_text(encoding="utf-8")
        (root / file).unlink()
        (root / file).write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    pd.testing.assert_frame_equal(without_place(read(name, root).table), without_place(read(name).table))


@pytest.mark.parametrize("name", WITH_TEXT_TABLES)
def test_a_table_in_another_encoding_is_named(name, tmp_path):
    for number, file in enumerate(read(name).tables):
        root = linked(name, tmp_path / str(number))
        text = (standin(name) / file).read_text(encoding="utf-8")
        (root / file).unlink()
        (root / file).write_bytes((text + "愤怒").encode("gb18030"))
        with pytest.raises(CorpusError, match=rf"{os.path.basename(file)}: not UTF-8.*GB18030.*iconv"):
            read(name, root)


def test_the_page_about_corpora_names_every_reader():
    page = (Path(__file__).parents[2] / "docs" / "corpora.md").read_text(encoding="utf-8")
    assert [name for name in READERS if f"| `{name}` |" not in page] == []


def test_the_tables_of_the_others_are_no_text():
    others = {name for name, case in CASES.items() if case.tables} - set(WITH_TEXT_TABLES)
    assert {Path(file).suffix for name in others for file in read(name).tables} == {".xlsx"}
