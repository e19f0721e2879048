"""Clips to slices: examples by hand, and laws for any duration."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.slicing import VERSIONS, Slicing, slice_corpus
from transfer.errors import UserError


def clips(*durations, start=0.0):
    return pd.DataFrame(
        {
            "path": [f"/c/{i}.wav" for i in range(len(durations))],
            "start": start,
            "end": math.nan,
            "label": "x",
            "speaker": [f"s{i}" for i in range(len(durations))],
            "recording": [f"{i}.wav" for i in range(len(durations))],
            "duration": list(durations),
        }
    )


def extents(table):
    return [(round(start, 6), round(end, 6)) for start, end in zip(table["start"], table["end"], strict=True)]


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (0.4, [(0, 0.4)]),
        (10, [(0, 10)]),
        (10.9, [(0, 10)]),
        (11.0, [(0, 10)]),
        (11.1, [(0, 10), (7.5, 11.1)]),
        (17.5, [(0, 10), (7.5, 17.5)]),
        (18.4, [(0, 10), (7.5, 17.5)]),
        (20, [(0, 10), (7.5, 17.5), (15, 20)]),
    ],
)
def test_v1_keeps_short_clips_cuts_long_ones_and_drops_short_rests(duration, expected):
    assert extents(slice_corpus(clips(duration), Slicing("V1"))) == expected


@pytest.mark.parametrize(("duration", "expected"), [(0.4, [(0, 0.4)]), (10, [(0, 10)]), (25, [(0, 10)])])
def test_v2_keeps_the_first_seconds(duration, expected):
    assert extents(slice_corpus(clips(duration), Slicing("V2"))) == expected


def test_whole_keeps_clips_and_has_no_nominal_length():
    slices = slice_corpus(clips(0.4, 25), Slicing("whole"))
    assert extents(slices) == [(0, 0.4), (0, 25)]
    assert slices["seconds"].isna().all()


def test_slices_say_where_they_come_from():
    slices = slice_corpus(clips(12, 3, start=100.0), Slicing("V1"))
    assert slices["clip"].to_list() == [0, 0, 1]
    assert slices["speaker"].to_list() == ["s0", "s0", "s1"]
    assert slices["recording"].to_list() == ["0.wav", "0.wav", "1.wav"]
    assert slices["path"].to_list() == ["/c/0.wav", "/c/0.wav", "/c/1.wav"]
    assert slices["label"].to_list() == ["x"] * 3
    assert extents(slices) == [(100, 110), (107.5, 112), (100, 103)]
    assert slices["seconds"].to_list() == [10.0] * 3
    assert slices.index.to_list() == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(
    duration=st.floats(0.01, 200),
    seconds=st.floats(0.5, 20),
    share=st.floats(0, 0.9),
    minimum=st.floats(0, 1),
    version=st.sampled_from([version for version in VERSIONS if version != "V0"]),
)
def test_slices_lie_in_their_clip_and_v1_loses_no_more_than_the_minimum(duration, seconds, share, minimum, version):
    slicing = Slicing(version, seconds=seconds, overlap=share * seconds, minimum=minimum * seconds)
    slices = slice_corpus(clips(duration), slicing)
    starts, ends = slices["start"].to_numpy(), slices["end"].to_numpy()
    assert starts[0] == 0
    assert (starts < ends).all()
    assert (ends <= duration + 1e-9).all()
    if version == "whole":
        assert ends[-1] == duration
        return
    assert (ends - starts <= seconds + 1e-5).all()
    if version == "V1":
        np.testing.assert_allclose(np.diff(starts), seconds * (1 - share), atol=1e-9)
        assert duration - ends[-1] <= slicing.minimum + 1e-5
        assert (ends[:-1] - starts[1:] >= slicing.overlap - 1e-5).all()


def said(speakers, durations, labels=None):
    """Clips of speakers, each of its own recording."""
    table = clips(*durations)
    return table.assign(speaker=list(speakers), label=list(labels or "x" * len(durations)))


def test_v0_joins_recordings_with_half_a_second_of_silence_and_cuts_every_ten():
    slices = slice_corpus(said("aa", [7.0, 6.0]), Slicing("V0"))
    assert extents(slices) == [(0, 10), (10, 13.5)]
    first, second = slices["pieces"]
    assert [(p.path, round(p.start, 6), round(p.end, 6)) for p in first] == [
        ("/c/0.wav", 0, 7),
        ("", 0, 0.5),
        ("/c/1.wav", 0, 2.5),
    ]
    assert [(p.path, round(p.start, 6), round(p.end, 6)) for p in second] == [("/c/1.wav", 2.5, 6)]
    assert [p.recording for p in first] == ["0.wav", "", "1.wav"]


def test_v0_crosses_neither_speakers_nor_classes_unless_the_notes_are_reproduced():
    table = said("abab", [4.0] * 4, "xxyx")
    slices = slice_corpus(table, Slicing("V0"))
    assert list(zip(slices["speaker"], slices["label"], strict=True)) == [("a", "x"), ("b", "x"), ("a", "y")]
    for pieces, speaker in zip(slices["pieces"], slices["speaker"], strict=True):
        assert {p.speaker for p in pieces if p.path} == {speaker}
    crossed = slice_corpus(table, Slicing("V0", reproduce_notes=True))
    assert set(crossed["speaker"]) == {"a+b", "b", "a"}
    assert crossed["label"].to_list() == ["x", "x", "y"]


def test_v0_refuses_to_join_speakers_that_it_does_not_know():
    with pytest.raises(UserError, match="the speaker of 1 of 2 clips is unknown"):
        slice_corpus(said(["a", ""], [1.0, 1.0]), Slicing("V0"))
    with pytest.raises(UserError, match="reproduce_notes joins speakers in V0"):
        Slicing("V1", reproduce_notes=True)
    with pytest.raises(UserError, match=r"more than 0\.5 s"):
        Slicing("V0", seconds=0.4, overlap=0, minimum=0)


def test_v0_stays_inside_what_a_split_keeps_apart():
    table = said("aaa", [2.0] * 3).assign(split=["train", "test", "train"])
    slices = slice_corpus(table, Slicing("V0"), apart=["split"])
    assert slices["split"].to_list() == ["train", "test"]
    assert [len([p for p in pieces if p.path]) for pieces in slices["pieces"]] == [2, 1]


@settings(max_examples=60, deadline=None)
@given(
    durations=st.lists(st.floats(0.05, 25), min_size=1, max_size=12),
    seconds=st.floats(1, 12),
    minimum=st.floats(0, 0.9),
)
def test_v0_counts_every_second_once_but_for_a_dropped_rest(durations, seconds, minimum):
    speakers = ["ab"[i % 2] for i in range(len(durations))]
    slicing = Slicing("V0", seconds=seconds, overlap=0, minimum=minimum)
    slices = slice_corpus(said(speakers, durations), slicing)
    kept = dict.fromkeys([f"/c/{i}.wav" for i in range(len(durations))], 0.0)
    for pieces, start, end in zip(slices["pieces"], slices["start"], slices["end"], strict=True):
        assert sum(p.end - p.start for p in pieces) == pytest.approx(end - start, abs=3e-3)
        for piece in pieces:
            if piece.path:
                kept[piece.path] += piece.end - piece.start
    for speaker in set(speakers):
        own = [i for i, name in enumerate(speakers) if name == speaker]
        lost = sum(durations[i] - kept[f"/c/{i}.wav"] for i in own)
        assert -1e-9 <= lost <= minimum + 3e-3


def test_unknown_versions_list_the_ones_there_are():
    with pytest.raises(UserError, match=r"unknown slicing 'V3': .*Known: V0, V1, V2, whole"):
        Slicing("V3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0}, "slices of 0 s cannot be"),
        ({"seconds": math.nan}, "slices of nan s cannot be"),
        ({"overlap": 10}, "cannot overlap by 10 s"),
        ({"overlap": -1}, "cannot overlap by -1 s"),
        ({"minimum": 11}, "a minimum of 11 s does not fit"),
        ({"overlap": 9.9999999}, "begin 1e-07 s after one another; expected at least 0.01 s"),
        ({"seconds": 0.005, "overlap": 0, "minimum": 0}, "begin 0.005 s after one another"),
    ],
)
def test_lengths_that_cannot_be_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Slicing("V1", **options)


def test_windows_may_begin_a_hundredth_of_a_second_after_one_another():
    assert len(slice_corpus(clips(10.1), Slicing("V1", overlap=9.99))) == 11


def test_clips_without_a_positive_duration_are_refused():
    with pytest.raises(UserError, match="no column 'duration'"):
        slice_corpus(clips(1.0).drop(columns="duration"), Slicing())
    for wrong in (0.0, math.nan):
        with pytest.raises(UserError, match=r"1 clips have no positive duration; the first is /c/1\.wav"):
            slice_corpus(clips(1.0, wrong), Slicing())


def test_a_column_to_split_by_that_the_slice_table_has_itself_is_not_carried_twice():
    table = clips(4.0, 5.0).assign(clip=["a", "b"], half=["train", "test"])
    slices = slice_corpus(table, Slicing("whole"), apart=("clip", "label", "half"))
    assert list(slices.columns).count("clip") == list(slices.columns).count("label") == 1
    assert slices["half"].to_list() == ["train", "test"]


def test_who_speaks_is_carried_and_not_known_where_joined_clips_differ():
    people = {"sex": ["female", "female"], "age": [31.0, math.nan], "language": ["zh", "en"]}
    table = clips(4.0, 5.0).assign(**people)
    slices = slice_corpus(table, Slicing("whole"))
    assert slices["language"].to_list() == ["zh", "en"]
    assert slices["age"][0] == 31
    joined = slice_corpus(table.assign(speaker="s", age=[31.0, 40.0]), Slicing("V0"))
    assert (joined["sex"][0], joined["language"][0]) == ("female", "")
    assert math.isnan(joined["age"][0])
