"""Stand-in corpora as files: their layouts, their determinism, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas as pd
import pytest
import soundfile

from transfer.data import synthetic
from transfer.data.synthetic import LAYOUTS, Shift, synthesize
from transfer.data.synthetic.domains import COMMON, DOMAINS, shifted
from transfer.data.synthetic.modma import RECORDINGS, SUBJECTS, draw_subjects
from transfer.data.synthetic.recording import Order
from transfer.errors import UserError

WORKBOOK = "subjects_information_audio_lanzhou_2015.xlsx"


def files(root: Path, pattern: str = "*") -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob(pattern) if p.is_file()}


def test_casia_lies_in_the_layout_of_the_real_corpus(tmp_path):
    root = synthesize("casia", tmp_path / "casia", speakers=2, clips=2)
    emotions = ("angry", "fear", "happy", "neutral", "sad", "surprise")
    expected = {f"{s}/{e}/{t}.wav" for s in ("liuchanhg", "wangzhe") for e in emotions for t in (201, 202)}
    assert set(files(root, "*.wav")) == expected
    for path in root.rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert 0.8 < info.duration < 6.0


def test_modma_lies_in_the_layout_of_the_real_corpus(tmp_path):
    root = synthesize("modma", tmp_path / "modma", speakers=4, clips=3)
    subjects = ("02010001", "02010002", "02020001", "02020002")
    # One recording of each task: an interview, the passage, a picture.
    expected = {f"audio_lanzhou_2015/{s}/{r}.wav" for s in subjects for r in ("01", "19", "26")}
    assert set(files(root, "*.wav")) == expected
    for path in root.rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels) == (44_100, 1)
        assert 4.5 < info.duration < 14.0


def test_workbook_of_modma_reads_like_the_real_one(tmp_path):
    root = synthesize("modma", tmp_path / "modma", speakers=9, clips=1)
    table = pd.read_excel(root / WORKBOOK)
    scales = ["PHQ-9", "CTQ-SF", "LES", "SSRS", "GAD-7", "PSQI"]
    assert list(table.columns) == ["subject id", "type", "age", "gender", "education（years）", *scales]
    folders = sorted(path.name for path in (root / "audio_lanzhou_2015").iterdir())
    # As in the real workbook the ids are numbers and have lost their leading zero.
    assert [f"{identity:08d}" for identity in table["subject id"]] == folders
    assert table["type"].value_counts().to_dict() == {"HC": 5, "MDD": 4}
    assert set(table["gender"]) == {"F", "M"}
    assert table["age"].between(18, 52).all()
    patients = table["type"] == "MDD"
    assert table.loc[patients, "PHQ-9"].between(5, 27).all()
    assert table.loc[~patients, "PHQ-9"].between(0, 4).all()
    assert table.loc[patients, "GAD-7"].mean() > table.loc[~patients, "GAD-7"].mean()


def test_workbook_of_modma_does_not_tell_when_it_was_written(tmp_path):
    root = synthesize("modma", tmp_path / "modma", speakers=2, clips=1)
    with ZipFile(root / WORKBOOK) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    properties = openpyxl.load_workbook(root / WORKBOOK).properties
    assert properties.created.year == properties.modified.year == 2015


def test_emovo_lies_in_the_layout_of_the_real_corpus(tmp_path):
    root = synthesize("emovo", tmp_path / "emovo", speakers=2, clips=2)
    emotions = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")
    assert set(files(root, "*.wav")) == {
        f"{s}/{e}-{s}-{t}.wav" for s in ("f1", "m1") for e in emotions for t in ("b1", "b2")
    }
    info = soundfile.info(root / "f1" / "dis-f1-b1.wav")
    assert (info.samplerate, info.channels) == (48_000, 2)


def test_nemo_lies_in_the_layout_of_the_real_corpus(tmp_path):
    root = synthesize("nemo", tmp_path / "nemo", speakers=2, clips=1)
    table = pd.read_csv(root / "data.tsv", sep="\t")
    assert list(table.columns) == [
        "file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age",
    ]  # fmt: skip
    assert {f"samples/{name}" for name in table["file_id"]} == set(files(root, "*.wav"))
    assert set(table["speaker_id"]) == {"        EB0", "        SM0"}
    assert set(table["emotion"]) == {"anger", "fear", "happiness", "neutral", "sadness", "surprised"}
    assert soundfile.info(root / "samples" / "EB0_surprised_1.wav").samplerate == 24_000


def test_every_layout_has_a_domain_and_a_default_within_the_real_corpus():
    assert set(LAYOUTS) == set(DOMAINS)
    for layout in LAYOUTS.values():
        assert 1 <= layout.clips <= layout.most_clips
        assert layout.fewest_speakers <= layout.speakers


@pytest.mark.parametrize("number", [2, 3, 7, 20, 51, 52])
def test_subjects_keep_the_share_of_patients(number):
    subjects = draw_subjects(0, number)
    patients = [subject for subject in subjects if subject.group == "MDD"]
    assert len({subject.id for subject in subjects}) == number
    assert 0 < len(patients) < number
    assert abs(len(patients) - number * 23 / 52) <= 0.5 or number == 2


def test_all_subjects_match_the_counts_of_the_real_corpus():
    subjects = draw_subjects(0)
    assert (SUBJECTS, RECORDINGS) == (52, 29)
    assert sum(subject.group == "MDD" for subject in subjects) == 23
    assert sum(subject.sex == "female" for subject in subjects) == 16


def test_the_same_order_gives_the_same_bytes(tmp_path):
    for name in ("emovo", "modma"):
        first = synthesize(name, tmp_path / "first" / name, speakers=2, clips=1, seed=5)
        again = synthesize(name, tmp_path / "again" / name, speakers=2, clips=1, seed=5)
        assert files(first) == files(again)


def test_another_seed_gives_other_audio(tmp_path):
    first = files(synthesize("casia", tmp_path / "first", speakers=1, clips=1, seed=0), "*.wav")
    other = files(synthesize("casia", tmp_path / "other", speakers=1, clips=1, seed=1), "*.wav")
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


def test_no_two_files_of_a_corpus_are_equal(tmp_path):
    written = files(synthesize("casia", tmp_path / "casia", speakers=2, clips=2), "*.wav")
    assert len(set(written.values())) == len(written)


@pytest.mark.parametrize("name", ["casia", "modma"])
def test_a_smaller_order_writes_a_part_of_the_same_files(tmp_path, name):
    small = files(synthesize(name, tmp_path / "small", speakers=2, clips=1), "*.wav")
    large = files(synthesize(name, tmp_path / "large", speakers=3, clips=3), "*.wav")
    assert small.items() < large.items()


def test_a_record_tells_that_the_corpus_is_synthetic(tmp_path):
    root = synthesize("casia", tmp_path / "casia", speakers=1, clips=1, seed=4, shift=Shift(noise=0.5))
    record = json.loads((root / "synthetic.json").read_text())
    assert set(record.pop("known_best")) > {"classes", "uar"}
    assert record == {
        "generator": "transfer.data.synthetic",
        "version": synthetic.VERSION,
        "name": "casia",
        "seed": 4,
        "shift": {"channel": 0.0, "noise": 0.5, "language": 0.0, "rhythm": 0.0},
        "speakers": 1,
        "clips": 1,
        "difficulty": {"spread": 0.0, "prior": 0.0, "label_noise": 0.0},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cassia"}, "no stand-in for a corpus named 'cassia'; did you mean 'casia'"),
        ({"shift": 1.2}, r"is 1\.2; expected a number from 0"),
        ({"shift": -0.1}, r"is -0\.1; expected a number from 0"),
        ({"shift": float("nan")}, "is nan; expected a number from 0"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0 on"),
        ({"speakers": 5}, "speakers is 5; expected 1 to 4"),
        ({"speakers": 0}, "speakers is 0; expected 1 to 4"),
        ({"clips": 51}, "clips is 51; expected 1 to 50"),
        ({"name": "modma", "speakers": 1}, "speakers is 1; expected 2 to 52"),
        ({"name": "modma", "clips": 30}, "clips is 30; expected 1 to 29"),
    ],
)
def test_a_wrong_order_is_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        synthesize(**{"name": "casia", "out": tmp_path / "new", **arguments})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [{"clips": 1.5}, {"speakers": True}, {"seed": "0"}, {"shift": "much"}])
def test_an_order_of_the_wrong_kind_is_refused(tmp_path, arguments):
    with pytest.raises(TypeError, match="expected"):
        synthesize("casia", tmp_path / "new", **arguments)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        synthesize("casia", tmp_path, speakers=1, clips=1)
    with pytest.raises(UserError, match="is a file"):
        synthesize("casia", tmp_path / "note.txt", speakers=1, clips=1)
    assert files(tmp_path) == {"note.txt": b"mine"}


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    root = synthesize("casia", tmp_path / "empty", speakers=1, clips=1)
    assert len(files(root, "*.wav")) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    ("failure", "raised"), [(OSError("disk full"), UserError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_nothing_is_left_behind_when_writing_fails(tmp_path, monkeypatch, failure, raised):
    def fail(root: Path, order: Order) -> None:
        (root / "half").mkdir()
        (root / "half" / "201.wav").write_bytes(b"RIFF")
        raise failure

    monkeypatch.setitem(LAYOUTS, "casia", dataclasses.replace(LAYOUTS["casia"], write=fail))
    with pytest.raises(raised):
        synthesize("casia", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_without_a_shift_all_corpora_share_one_domain_and_with_it_each_has_its_own():
    for name, own in DOMAINS.items():
        for shift, expected in ((Shift(), COMMON), (Shift.uniform(1.0), own)):
            domain = shifted(name, shift)
            assert domain.channel == expected.channel
            np.testing.assert_allclose(domain.language.vowels, expected.language.vowels)
            assert domain.language.syllables == expected.language.syllables
