"""A Split holds no speaker in two parts, and says what it is."""

import pandas as pd
import pytest

from transfer.data.split import Split
from transfer.errors import LeakageError, SplitError


def by_hand(table, **parts):
    return pd.Series([parts[speaker] for speaker in table["speaker"]], index=table.index)


def test_split_refuses_a_shared_speaker(slices):
    table = slices(["a", "b"])
    parts = pd.Series(["train", "test"] * 4)
    with pytest.raises(
        SplitError, match=r"2 speakers stand in more than one part: a \(test, train\), b \(test, train\)"
    ):
        Split(table, parts, by="hand")


def test_split_names_the_first_five_shared_speakers(slices, names):
    table = slices(names(8))
    with pytest.raises(SplitError, match=r"8 speakers .*s04 \(test, train\) and 3 more"):
        Split(table, pd.Series(["train", "test"] * 16), by="hand")


def test_split_refuses_a_shared_recording_even_where_speakers_may_be_shared(slices):
    table = slices(["a", "b"]).assign(recording="dialogue.wav")
    with pytest.raises(SplitError, match=r"1 recording stands in more than one part: dialogue\.wav"):
        Split(table, pd.Series(["train", "test"] * 4), by="hand", accept=["speaker"])


def test_split_refuses_unknown_speakers_in_two_parts(slices):
    table = slices(["a", ""])
    with pytest.raises(SplitError, match="4 of 8 slices have no known speaker"):
        Split(table, by_hand(table, **{"a": "train", "": "test"}), by="hand")
    Split(table, pd.Series("train", index=table.index), by="hand")


def test_split_with_accepted_leaks_is_constructed_and_remembers_them(slices):
    table = slices(["a", "b"]).assign(recording="one.wav")
    split = Split(table, pd.Series(["train", "test"] * 4), by="hand", accept=["speaker", "recording"])
    assert split.record()["accept"] == ["speaker", "recording"]
    with pytest.raises(LeakageError, match="did you mean 'speaker'"):
        Split(table, pd.Series(["train"] * 8), by="hand", accept=["speakers"])


def test_split_refuses_parts_that_do_not_fit_the_table(slices):
    table = slices(["a", "b"])
    with pytest.raises(SplitError, match="no part named 'dev'"):
        Split(table, by_hand(table, a="train", b="dev"), by="hand")
    with pytest.raises(SplitError, match="7 parts for 8 slices"):
        Split(table, by_hand(table, a="train", b="test").iloc[1:], by="hand")


def test_split_is_immutable(slices):
    table = slices(["a", "b"])
    split = Split(table, by_hand(table, a="train", b="test"), by="hand")
    parts = split.parts
    parts[:] = "test"
    table["speaker"] = "a"
    assert split.parts.to_list() == ["train"] * 4 + ["test"] * 4
    assert split.speakers("test") == ("b",)
    with pytest.raises(AttributeError, match="immutable"):
        split.by = "other"
    with pytest.raises(SplitError, match="no part named 'tset'; did you mean 'test'"):
        split.rows("tset")


def test_record_counts_and_names_nobody(slices):
    table = slices(["anna", "bert"])
    record = Split(table, by_hand(table, anna="train", bert="test"), by="hand").record()
    assert record["parts"]["train"] == {"slices": 4, "recordings": 4, "speakers": 1, "labels": {"x": 2, "y": 2}}
    assert record["parts"]["valid"]["slices"] == 0
    assert "anna" not in str(record)
