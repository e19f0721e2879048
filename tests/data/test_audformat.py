"""Databases in audformat, against the package of that name where it is installed."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from transfer.data.audformat import read_audformat
from transfer.data.readers import read_corpus
from transfer.errors import CorpusError

HEADER = {
    "name": "mini",
    "languages": ["deu"],
    "schemes": {
        "emotion": {"dtype": "str", "labels": ["anger", "neutral"]},
        "speaker": {"dtype": "int", "labels": {3: {"gender": "male", "age": 31}, 8: {"gender": "female", "age": 34}}},
    },
    "splits": {"dev": {"type": "dev"}},
    "tables": {
        "emotion": {
            "type": "filewise",
            "split_id": "dev",
            "columns": {"emotion": {"scheme_id": "emotion"}, "confidence": {}},
        },
        "files": {"type": "filewise", "columns": {"speaker": {"scheme_id": "speaker"}}},
    },
}
EMOTION = "file,emotion,confidence\nwav/a.wav,anger,0.9\nwav/b.wav,neutral,1\n"
FILES = "file,speaker\nwav/a.wav,3\nwav/b.wav,8\n"


def database(root, *, header=HEADER, files=("wav/a.wav", "wav/b.wav"), **tables):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "db.yaml").write_text(yaml.safe_dump(header), encoding="utf-8")
    for name, text in {"emotion": EMOTION, "files": FILES, **tables}.items():
        if text is not None:
            (root / f"db.{name}.csv").write_text(text, encoding="utf-8")
    return root


def changed(**parts):
    return {**HEADER, **parts}


def with_tables(**tables):
    return changed(tables={**HEADER["tables"], **tables})


def test_labels_come_with_what_other_tables_and_schemes_say(tmp_path):
    corpus = read_audformat("mini", database(tmp_path))
    table = corpus.table
    assert table["label"].to_list() == ["anger", "neutral"]
    assert table["speaker"].to_list() == ["3", "8"]
    assert table["sex"].to_list() == ["male", "female"]
    assert table["age"].to_list() == [31, 34]
    assert table["confidence"].to_list() == [0.9, 1]
    assert set(table["split"]) == {"valid"}
    assert set(table["language"]) == {"de"}
    assert table["recording"].to_list() == ["wav/a.wav", "wav/b.wav"]
    assert corpus.tables == ("db.yaml", "db.emotion.csv", "db.files.csv")


def test_a_segmented_table_gives_extents_and_facts_of_the_file(tmp_path):
    segments = (
        "file,start,end,emotion\nwav/a.wav,0 days 00:00:00,0 days 00:00:01.5,anger\nwav/a.wav,0 days 00:01:02.25,,neutral\n"
        "wav/b.wav,1.25,2,neutral\n"
    )
    header = changed(
        tables={
            "segments": {"type": "segmented", "columns": {"emotion": {"scheme_id": "emotion"}}},
            "files": HEADER["tables"]["files"],
        }
    )
    table = read_audformat("mini", database(tmp_path, header=header, emotion=None, segments=segments)).table
    assert table["start"].to_list() == [0, 62.25, 1.25]
    assert table["end"].iloc[0] == 1.5
    assert math.isnan(table["end"].iloc[1])
    assert table["speaker"].to_list() == ["3", "3", "8"]


def test_speakers_may_stand_in_a_table_of_their_own(tmp_path):
    schemes = {**HEADER["schemes"], "speaker": {"dtype": "int", "labels": "people"}}
    header = changed(schemes=schemes, misc_tables={"people": {"levels": {"speaker": "int"}, "columns": {"gender": {}}}})
    corpus = read_audformat("mini", database(tmp_path, header=header, people="speaker,gender\n3,male\n8,female\n"))
    assert corpus.table["sex"].to_list() == ["male", "female"]
    assert "db.people.csv" in corpus.tables


def test_parquet_tables_give_the_same_as_csv(tmp_path):
    by_csv = read_audformat("mini", database(tmp_path)).table
    for name in ("emotion", "files"):
        file = tmp_path / f"db.{name}.csv"
        pd.read_csv(file).to_parquet(file.with_suffix(".parquet"))
        file.unlink()
    pd.testing.assert_frame_equal(read_audformat("mini", tmp_path).table, by_csv)


def test_the_package_itself_writes_what_is_read(tmp_path):
    audformat = pytest.importorskip("audformat")
    db = audformat.Database("mini", languages=["ita"])
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "neutral"])
    db.schemes["speaker"] = audformat.Scheme(labels={"f1": {"gender": "female"}, "m1": {"gender": "male"}})
    db.splits["test"] = audformat.Split("test")
    files, starts = ["wav/a.wav", "wav/b.wav", "wav/b.wav"], ["0s", "0.125s", "3s"]
    db["parts"] = audformat.Table(audformat.segmented_index(files, starts, ["1s", "2.5s", "61.5s"]), split_id="test")
    db["parts"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["parts"]["emotion"].set(["anger", "neutral", "anger"])
    db["files"] = audformat.Table(audformat.filewise_index(["wav/a.wav", "wav/b.wav"]))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(["f1", "m1"])
    for storage in ("csv", "parquet"):
        root = database(tmp_path / storage, emotion=None)
        (root / "db.files.csv").unlink()
        db.save(str(root), storage_format=storage)
        table = read_audformat("mini", root).table
        frame = db["parts"].get().reset_index()
        assert table["label"].to_list() == frame["emotion"].to_list()
        assert table["start"].to_list() == frame["start"].dt.total_seconds().to_list()
        assert table["end"].to_list() == frame["end"].dt.total_seconds().to_list()
        assert table["sex"].to_list() == ["female", "male", "male"]
        assert set(table["split"]) == {"test"}
        assert set(table["language"]) == {"it"}


def test_the_label_and_its_table_can_be_named(tmp_path):
    files = "file,speaker,mood\nwav/a.wav,3,tired\nwav/b.wav,8,\n"
    header = with_tables(files={"type": "filewise", "columns": {"speaker": {"scheme_id": "speaker"}, "mood": {}}})
    root = database(tmp_path, header=header)
    (root / "db.files.csv").write_text(files)
    corpus = read_corpus("mini", root, reader="audformat", options={"label": "mood"})
    assert corpus.labels == ("tired",)
    assert corpus.left_out == {"no label": ("wav/b.wav",)}
    with pytest.raises(CorpusError, match=r"no table has a column 'moo'; did you mean 'mood'"):
        read_audformat("mini", root, label="moo")
    with pytest.raises(CorpusError, match="no table 'emotion' with a column 'mood'"):
        read_audformat("mini", root, label="mood", table="emotion")


def test_two_tables_that_label_the_same_clips_need_a_choice(tmp_path):
    column = {"type": "filewise", "columns": {"emotion": {"scheme_id": "emotion"}}}
    header = changed(tables={"gold": column, "silver": column})
    gold, silver = "file,emotion\nwav/a.wav,anger\n", "file,emotion\nwav/a.wav,neutral\n"
    root = database(tmp_path, header=header, emotion=None, gold=gold, silver=silver)
    with pytest.raises(CorpusError, match="the tables gold, silver label the same clips; choose one"):
        read_audformat("mini", root)
    assert read_audformat("mini", root, table="silver").labels == ("neutral",)
    (root / "db.silver.csv").write_text("file,emotion\nwav/b.wav,neutral\n")
    assert read_audformat("mini", root).labels == ("anger", "neutral")


def test_files_that_are_not_there_are_told_and_none_at_all_is_refused(tmp_path):
    root = database(tmp_path)
    (root / "wav/b.wav").unlink()
    assert read_audformat("mini", root).missing == ("wav/b.wav",)
    (root / "wav/a.wav").unlink()
    with pytest.raises(CorpusError, match=r"none of its audio files; missing: wav/a\.wav, wav/b\.wav"):
        read_audformat("mini", root)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"emotion": EMOTION.replace("anger", "angst")},
            r"db\.emotion\.csv, line 2: emotion is 'angst', which its scheme",
        ),
        ({"emotion": EMOTION.replace("wav/a", "../a")}, r"db\.emotion\.csv, line 2: the path '\.\./a\.wav' leaves"),
        ({"emotion": EMOTION.replace("confidence", "sureness")}, "no column 'confidence'"),
        (
            {"emotion": "file,start,emotion,confidence\nwav/a.wav,soon,anger,1\n"},
            "line 2: the time 'soon' is no duration",
        ),
        ({"emotion": None}, r"names the table 'emotion', but neither db\.emotion\.csv nor db\.emotion\.parquet"),
    ],
)
def test_faults_are_named_by_file_and_line(tables, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        read_audformat("mini", database(tmp_path, **tables))


@pytest.mark.parametrize("outside", ["x/../../secret/private", "x\\..\\private", "/secret"])
def test_a_table_lies_beside_the_header(outside, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "private.csv").write_text("file,emotion\nwav/a.wav,anger\n")
    (tmp_path / "c" / "db.x").mkdir(parents=True)
    about = {"type": "filewise", "columns": {"emotion": {}}}
    for header in (
        with_tables(**{outside: about}),
        {**with_tables(emotion=about), "schemes": {"speaker": {"dtype": "str", "labels": outside}}},
        {**with_tables(emotion=about), "misc_tables": {outside: {}}},
    ):
        with pytest.raises(CorpusError, match=f"names the table {re.escape(repr(outside))}; expected a name without /"):
            read_audformat("mini", database(tmp_path / "c", header=header))


def test_a_name_that_no_disk_could_hold_is_a_table_or_file_that_is_not_there(tmp_path):
    with pytest.raises(CorpusError, match="but neither"):
        read_audformat("mini", database(tmp_path, header=with_tables(**{"x" * 5000: {"columns": {"emotion": {}}}})))
    database(tmp_path)
    (tmp_path / "db.emotion.csv").write_text(f"file,emotion,confidence\n{'x' * 5000},anger,1\nwav/a.wav,anger,1\n")
    assert len(read_audformat("mini", tmp_path).missing) == 1


def test_pickles_are_not_opened(tmp_path):
    (database(tmp_path, emotion=None) / "db.emotion.pkl").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(CorpusError, match="pickles are not opened: save the database with storage_format='csv'"):
        read_audformat("mini", tmp_path)
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not readable as YAML"),
        ("!!python/object/apply:os.getcwd []", "the tag .* is not allowed"),
        ("- 1", "expected the header"),
        ("name: x", "with 'tables:' in it"),
    ],
)
def test_a_header_that_is_none_is_refused(text, message, tmp_path):
    (database(tmp_path) / "db.yaml").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_audformat("mini", tmp_path)


def test_two_rows_of_one_clip_are_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"line 4: the same clip as .*line 2"):
        read_audformat("mini", database(tmp_path, emotion=EMOTION + "wav/a.wav,neutral,0.5\n"))


@pytest.mark.parametrize(
    "header",
    [
        with_tables(emotion=None),
        with_tables(emotion={"columns": {"emotion": "foo"}}),
        changed(splits={"dev": None}),
        changed(splits=["dev"]),
        changed(languages=5),
        changed(languages="deu"),
        changed(schemes={"emotion": None}),
    ],
)
def test_a_header_of_another_shape_is_read_or_refused_by_name(header, tmp_path):
    assert outcome(database(tmp_path, header=header)) in ("read", "refused by name")


def outcome(root):
    try:
        return "read" if len(read_audformat("mini", root).table) == 2 else "read in part"
    except CorpusError as error:
        return "refused by name" if re.search(r"mini|db\.", str(error)) else str(error)
