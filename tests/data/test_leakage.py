"""Planted leaks are found, counted and named; clean parts are not accused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.leakage import LEAKAGES, audit, check_leakage
from transfer.data.overlaps import MEASURES, Sounds, has_overlaps
from transfer.data.pieces import Piece
from transfer.errors import LeakageError


def slices(*rows, corpus="own"):
    """Slices from (speaker, file, start, end)."""
    table = pd.DataFrame(rows, columns=["speaker", "recording", "start", "end"])
    return table.assign(path=f"/{corpus}/" + table["recording"])


def audited(parts, hashes, copies=None):
    return audit(parts, Sounds(hashes, copies or {}))


def counts(report, part="own/test", against="train"):
    return {kind: found["count"] for kind, found in report.record()[part][against].items()}


def leaking(report, part="own/test", against="train"):
    return {kind: count for kind, count in counts(report, part, against).items() if count}


TRAIN = slices(("a", "1.wav", 0.0, 10.0), ("b", "2.wav", 0.0, 10.0))


def test_clean_parts_leak_nothing_and_pass():
    report = audited(
        {("own", "train"): TRAIN, ("own", "test"): slices(("c", "3.wav", 0.0, 10.0))},
        {"/own/1.wav": "x", "/own/3.wav": "y"},
    )
    assert counts(report) == dict.fromkeys(MEASURES, 0)
    assert report.found == ()
    check_leakage(report, [])


def test_each_planted_leak_is_counted_by_its_kind():
    test = slices(
        ("a", "9.wav", 0.0, 10.0),  # a speaker of training
        ("c", "1.wav", 20.0, 30.0),  # another stretch of a recording of training
        ("d", "2.wav", 7.5, 17.5),  # a window that overlaps one of training
        ("e", "copy.wav", 0.0, 10.0),  # a copy under another name
        ("f", "4.wav", 0.0, 10.0),  # clean
    )
    hashes = {"/own/1.wav": "h1", "/own/2.wav": "h2", "/own/copy.wav": "h2", "/own/4.wav": "h4", "/own/9.wav": "h9"}
    report = audited({("own", "train"): TRAIN, ("own", "test"): test}, hashes)
    assert leaking(report) == {"speaker": 1, "recording": 2, "slice": 1, "audio": 3}
    assert report.record()["own/test"]["train"]["audio"]["share"] == pytest.approx(3 / 5)
    with pytest.raises(LeakageError) as caught:
        check_leakage(report, ["recording"])
    message = str(caught.value)
    assert "speaker: 1 of 5 slices (20.0%) of own/test have a speaker in train (a)" in message
    assert "slice: 1 of 5 slices (20.0%) of own/test overlap one in train (/own/2.wav)" in message
    assert "copy.wav" in message
    assert "\n  recording" not in message
    assert "split.accept_leakage: [speaker, recording, slice, audio]" in message
    check_leakage(report, LEAKAGES)


def test_slices_that_only_touch_do_not_overlap():
    report = audited({("own", "train"): TRAIN, ("own", "test"): slices(("c", "1.wav", 10.0, 20.0))}, {})
    assert leaking(report) == {"recording": 1}


def test_validation_is_compared_with_training_and_the_test_with_both():
    valid, test = slices(("b", "5.wav", 0.0, 1.0)), slices(("v", "6.wav", 0.0, 1.0), ("w", "7.wav", 0.0, 1.0))
    shared = pd.concat([valid, slices(("v", "8.wav", 0.0, 1.0))])
    report = audited({("own", "train"): TRAIN, ("own", "valid"): shared, ("own", "test"): test}, {})
    assert counts(report, "own/valid")["speaker"] == 1
    assert counts(report)["speaker"] == 0
    assert counts(report, against="valid")["speaker"] == 1
    assert "valid" not in report.record()["own/valid"]


def test_speakers_of_one_name_in_two_corpora_are_two_people():
    other = slices(("a", "1.wav", 0.0, 10.0), corpus="other")
    report = audited({("own", "train"): TRAIN, ("other", "test"): other}, {"/own/1.wav": "x", "/other/1.wav": "y"})
    assert counts(report, "other/test") == dict.fromkeys(MEASURES, 0)


def test_audio_of_the_source_in_the_targets_test_is_found():
    target = slices(("z", "x.wav", 0.0, 10.0), corpus="target")
    report = audited(
        {("own", "train"): TRAIN, ("target", "train"): target.iloc[:0], ("target", "test"): target},
        {"/own/2.wav": "h", "/target/x.wav": "h"},
    )
    assert leaking(report, "target/test") == {"audio": 1}


def test_one_folder_read_as_two_corpora_is_found():
    report = audited({("own", "train"): TRAIN, ("alias", "test"): TRAIN}, {})
    assert counts(report, "alias/test")["slice"] == 2


def test_unknown_speakers_are_not_taken_for_one_person():
    report = audited(
        {("own", "train"): slices(("", "1.wav", 0.0, 1.0)), ("own", "test"): slices(("", "2.wav", 0.0, 1.0))}, {}
    )
    assert counts(report)["speaker"] == 0


def test_the_record_is_json_and_names_nobody():
    report = audited({("own", "train"): TRAIN, ("own", "test"): TRAIN.assign(speaker="a")}, {})
    written = json.dumps(report.record())
    assert json.loads(written)["own/test"]["train"]["speaker"] == {"count": 2, "of": 2, "share": 1.0}
    assert "wav" not in written


def test_an_empty_part_has_nothing_to_share():
    report = audited({("own", "train"): TRAIN, ("own", "test"): TRAIN.iloc[:0]}, {})
    assert report.record()["own/test"]["train"]["speaker"] == {"count": 0, "of": 0, "share": 0.0}


def test_an_unknown_kind_of_leakage_gets_a_suggestion():
    with pytest.raises(LeakageError, match="no leakage named 'speakers'; did you mean 'speaker'"):
        check_leakage(audited({}, {}), ["speakers"])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.integers(1, 4), st.booleans()), min_size=2, max_size=10
    )
)
def test_overlap_equals_sampling_the_time_axis(drawn):
    table = slices(*(("s", f"{file}.wav", float(start), float(start + length)) for file, start, length, _ in drawn))
    train = np.array([part for *_, part in drawn])
    seconds = [{(file, t) for t in range(start, start + length)} for file, start, length, _ in drawn]
    heard = set().union(*(seconds[i] for i in np.flatnonzero(train)))
    expected = sum(bool(seconds[i] & heard) for i in np.flatnonzero(~train))
    report = audited({("own", "train"): table[train], ("own", "test"): table[~train]}, {})
    assert counts(report)["slice"] == expected
    flat = [second for found in seconds for second in found]
    assert has_overlaps(table) == (len(flat) > len(set(flat)))


def test_a_near_copy_is_found_in_any_corpus_and_by_its_own_name():
    test = slices(("c", "3.wav", 0.0, 5.0), ("d", "4.wav", 0.0, 5.0))
    copies = {"/own/3.wav": {"/own/1.wav", "/own/4.wav"}, "/own/1.wav": {"/own/3.wav"}, "/own/4.wav": {"/own/3.wav"}}
    report = audited({("own", "train"): TRAIN, ("own", "test"): test}, {}, copies)
    assert leaking(report) == {"copy": 1}
    with pytest.raises(
        LeakageError, match=r"copy: 1 of 2 slices \(50\.0%\) of own/test sound like a file in train \(.*3\.wav"
    ):
        check_leakage(report, ["audio"])
    check_leakage(report, ["copy"])


def test_shared_texts_are_reported_and_refused_only_where_they_are_forbidden():
    train, test = TRAIN.assign(text="b1"), slices(("c", "3.wav", 0.0, 5.0)).assign(text=["b1"])
    report = audited({("own", "train"): train, ("own", "valid"): test, ("own", "test"): test.assign(speaker="z")}, {})
    texts = audited({("own", "train"): train, ("own", "test"): test}, {})
    assert texts.found == ()
    assert [finding.counted() for finding in texts.reported] == [
        "text: 1 of 1 slices (100.0%) of own/test say a text of train"
    ]
    assert "text" not in report.record()["own/valid"]["train"]
    check_leakage(texts, [])
    with pytest.raises(LeakageError, match=r"say a text of train \(b1\)"):
        check_leakage(texts, [], forbid=["text"])
    check_leakage(texts, ["text"], forbid=["text"])
    unknown = audited({("own", "train"): TRAIN.assign(text=""), ("own", "test"): test.assign(text="")}, {})
    assert unknown.reported == ()


def test_a_slice_of_several_pieces_leaks_if_one_of_them_does_and_counts_once():
    pieces = (Piece("/own/8.wav", 0, 4, "e", "8.wav"), Piece("", 0, 0.5), Piece("/own/1.wav", 8, 12, "a", "1.wav"))
    test = slices(("e", "8.wav", 0.0, 8.5), ("e", "9.wav", 0.0, 3.0)).assign(pieces=[(*pieces, pieces[2]), ()])
    report = audited({("own", "train"): TRAIN, ("own", "test"): test}, {"/own/1.wav": "h"})
    assert leaking(report) == {"speaker": 1, "recording": 1, "slice": 1, "audio": 1}
    assert [f.examples for f in report.found if f.kind == "speaker"] == [("a",)]
