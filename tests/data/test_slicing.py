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
    version=st.sampled_from(VERSIONS),
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


def test_unknown_versions_list_the_ones_there_are():
    with pytest.raises(UserError, match=r"unknown slicing 'V0': .*Known: V1, V2, whole"):
        Slicing("V0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0}, "slices of 0 s cannot be"),
        ({"seconds": math.nan}, "slices of nan s cannot be"),
        ({"overlap": 10}, "cannot overlap by 10 s"),
        ({"overlap": -1}, "cannot overlap by -1 s"),
        ({"minimum": 11}, "a minimum of 11 s does not fit"),
    ],
)
def test_lengths_that_cannot_be_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Slicing("V1", **options)


def test_clips_without_a_positive_duration_are_refused():
    with pytest.raises(UserError, match="no column 'duration'"):
        slice_corpus(clips(1.0).drop(columns="duration"), Slicing())
    for wrong in (0.0, math.nan):
        with pytest.raises(UserError, match=r"1 clips have no positive duration; the first is /c/1\.wav"):
            slice_corpus(clips(1.0, wrong), Slicing())
