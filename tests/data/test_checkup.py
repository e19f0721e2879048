"""Every fault planted in a folder is named with its number; a sound folder has none."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from transfer.data.checkup import check_corpus
from transfer.data.corpus import Corpus, corpus_table
from transfer.data.measurement import measure_clips
from transfer.data.scan import scan_audio

RATE = 16000


def speech(seed, seconds=2.0, level=0.1):
    return level * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


@pytest.fixture
def folder(tmp_path):
    for i in range(24):
        soundfile.write(tmp_path / f"{i:02}.wav", speech(i, 2 + i / 50), RATE)
    return tmp_path


def faults(folder, rows=None, **account):
    files = sorted(folder.glob("*.wav"))
    rows = rows or [
        {"path": str(f), "label": "ab"[i // 3 % 2], "speaker": f"s{i % 3}", "recording": f.name}
        for i, f in enumerate(files)
    ]
    corpus = Corpus("own", folder, corpus_table(rows), **account)
    found = check_corpus(corpus, scan_audio(corpus.table, decode=True), measure_clips(corpus.table))
    return {fault.kind: fault for fault in found}


def test_a_sound_folder_has_no_fault(folder):
    assert faults(folder) == {}


@pytest.mark.parametrize(
    ("kind", "breaks", "plant"),
    [
        ("unreadable", True, lambda f: f.write_text("this is text")),
        ("empty", True, lambda f: soundfile.write(f, np.zeros(0), RATE)),
        ("silent", True, lambda f: soundfile.write(f, np.zeros(2 * RATE), RATE)),
        ("not finite", True, lambda f: soundfile.write(f, np.full(2 * RATE, np.nan), RATE, subtype="FLOAT")),
        ("clipped", False, lambda f: soundfile.write(f, np.clip(20 * speech(99), -1, 1), RATE)),
        ("wrong sample rate", False, lambda f: soundfile.write(f, soxr.resample(speech(99), RATE, 22050), 22050)),
        ("low rate", False, lambda f: soundfile.write(f, soxr.resample(speech(99), RATE, 8000), 8000)),
        ("wrong channels", False, lambda f: soundfile.write(f, np.stack([speech(98), speech(99)], 1), RATE)),
        ("outlying duration", False, lambda f: soundfile.write(f, speech(99, 30), RATE)),
        ("duplicate", True, lambda f: f.write_bytes((f.parent / "00.wav").read_bytes())),
        ("link", False, lambda f: f.symlink_to(f.rename(f.parent.with_name("elsewhere.wav")))),
    ],
)
def test_a_planted_fault_is_named_once_with_its_file(folder, kind, breaks, plant):
    plant(folder / "07.wav")
    found = faults(folder)
    assert found[kind].count == 1
    assert "07.wav" in found[kind].examples[0]
    assert found[kind].breaks is breaks
    assert set(found) <= {kind, "wrong sample rate", "low rate"}  # 8 kHz is both


def test_a_link_within_the_folder_is_no_fault(folder):
    (folder / "inner").mkdir()
    (folder / "07.wav").rename(folder / "inner" / "07.wav")
    (folder / "07.wav").symlink_to(folder / "inner" / "07.wav")
    assert faults(folder) == {}


def test_what_the_reader_accounts_for_is_told(folder):
    found = faults(folder, missing=("25.wav",), ignored=("notes.txt", "a.pdf"))
    assert found["missing"].examples == ("25.wav",)
    assert not found["missing"].breaks
    assert found["ignored file"].count == 2


def test_unknown_and_one_class_speakers_are_told(folder):
    files = sorted(folder.glob("*.wav"))
    rows = [
        {
            "path": str(f),
            "label": "a" if i < 4 else "ab"[i % 2],
            "speaker": "s" if i < 4 else "tu"[i % 2 == i % 3],
            "recording": f.name,
        }
        for i, f in enumerate(files)
    ]
    rows[-1]["speaker"] = ""
    found = faults(folder, rows)
    assert found["one-class speaker"].examples == ("s",)
    assert found["unknown speaker"].count == 1


def test_copies_of_one_speaker_and_class_leak_nowhere_and_contradicting_ones_do(folder):
    (folder / "07.wav").write_bytes((folder / "01.wav").read_bytes())
    rows = [
        {"path": str(f), "label": "ab"[i // 3 % 2], "speaker": f"s{i % 3}", "recording": f.name}
        for i, f in enumerate(sorted(folder.glob("*.wav")))
    ]
    found = faults(folder, rows)
    assert (found["duplicate of a speaker"].examples, found["duplicate of a speaker"].breaks) == (
        ("01.wav = 07.wav",),
        False,
    )
    rows[7]["label"] = "b"
    assert faults(folder, rows)["duplicate"].breaks


def test_a_slip_of_the_pen_in_a_clinic_is_named_and_not_everybody_else(folder):
    files = sorted(folder.glob("*.wav"))
    rows = [
        {"path": str(f), "label": "HC" if i < 12 else "MDD", "speaker": f"s{i // 4}", "recording": f.name}
        for i, f in enumerate(files)
    ]
    assert faults(folder, rows) == {}
    rows[5]["label"] = "MDD"
    assert {kind: fault.examples for kind, fault in faults(folder, rows).items()} == {"odd label": ("05.wav (MDD)",)}
    rows[5]["label"] = "hc "
    found = {kind: fault.examples for kind, fault in faults(folder, rows).items()}
    assert found == {"odd label": ("05.wav (hc)",), "rare class": ("hc, 1 clip (beside HC)",)}
    rows[4]["label"] = rows[5]["label"] = "MDD"  # half of a speaker's clips is no slip
    assert list(faults(folder, rows)) == ["one-class speaker"]


def test_of_two_rates_as_frequent_the_higher_is_the_usual_one(folder):
    for i, file in enumerate(sorted(folder.glob("*.wav"))):
        soundfile.write(file, speech(i, 2 + i / 50)[:: 1 + i % 2], RATE // (1 + i % 2))
    assert faults(folder)["wrong sample rate"].what == f"most files have {RATE} Hz"


def test_twins_are_listed_in_pairs(folder):
    table = corpus_table([{"path": str(folder / "00.wav"), "label": "a", "speaker": "s", "recording": "00.wav"}])
    corpus = Corpus("own", folder, table)
    found = check_corpus(corpus, scan_audio(table), measure_clips(table), twins=[("00.wav", "01.wav")])
    assert [(f.kind, f.examples) for f in found] == [("near-duplicate", ("00.wav ~ 01.wav",))]


def test_faults_that_break_training_come_first(folder):
    (folder / "07.wav").write_text("text")
    soundfile.write(folder / "03.wav", speech(99, 30), RATE)
    assert [fault.breaks for fault in faults(folder).values()] == [True, False]


def test_one_file_with_many_clips_is_no_duplicate(tmp_path):
    soundfile.write(tmp_path / "a.wav", speech(0, 20), RATE)
    rows = [
        {
            "path": str(tmp_path / "a.wav"),
            "label": "a",
            "speaker": "s",
            "recording": "a.wav",
            "start": i,
            "end": i + 1.0,
        }
        for i in range(10)
    ]
    assert faults(tmp_path, rows) == {}
    assert pd.DataFrame(rows)["start"].is_monotonic_increasing
