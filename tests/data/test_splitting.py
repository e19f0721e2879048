"""Parts drawn by speaker and by clip keep their promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.few_shot import few_shot_split
from transfer.data.split import PARTS
from transfer.data.splitting import split_slices
from transfer.errors import SplitError


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 30),
    valid=st.floats(0, 0.45),
    test=st.floats(0.01, 0.45),
    seed=st.integers(0, 1000),
    own=st.booleans(),
)
def test_speaker_parts_are_disjoint_whole_and_never_empty(n, valid, test, seed, own, slices, names):
    own = own and (1 - valid - test) * n > 4  # room for both labels in training
    split = split_slices(slices(names(n), own=own), valid=valid, test=test, seed=seed)
    parts = {part: set(split.speakers(part)) for part in PARTS}
    assert set.union(*parts.values()) == set(names(n))
    assert sum(map(len, parts.values())) == n
    assert parts["train"]
    assert parts["test"]
    assert bool(parts["valid"]) == (valid > 0)


def test_shares_are_those_of_speakers(slices, names):
    split = split_slices(slices(names(50)), valid=0.1, test=0.3)
    assert [len(split.speakers(part)) for part in PARTS] == [30, 5, 15]


def test_clinical_speakers_are_stratified_by_their_own_label(slices, names):
    table = slices(names(52), labels=("HC", "MDD"), own=True)
    for seed in range(5):
        record = split_slices(table, seed=seed).record()["parts"]
        for part, size in (("train", 32), ("valid", 10), ("test", 10)):
            counts = record[part]["labels"]
            assert sum(counts.values()) == 2 * size
            assert abs(counts["HC"] - counts["MDD"]) <= 4, (seed, part, counts)


def test_few_clinical_speakers_still_give_every_part_every_label(slices, names):
    for seed in range(5):
        split = split_slices(slices(names(6), labels=("HC", "MDD"), own=True), seed=seed)
        assert [len(split.speakers(part)) for part in PARTS] == [2, 2, 2]
        assert split.notes == ()


def test_different_seeds_give_different_splits_and_one_seed_the_same(slices, names):
    table = slices(names(10))
    parts = [tuple(split_slices(table, seed=seed).parts) for seed in range(12)]
    assert len(set(parts)) >= 10
    assert tuple(split_slices(table, seed=3).parts) == parts[3]


def test_every_speaker_is_a_test_speaker_under_some_seed(slices, names):
    table = slices(names(6), labels=("HC", "MDD"), own=True)
    tested = {speaker for seed in range(60) for speaker in split_slices(table, seed=seed).speakers("test")}
    assert tested == set(names(6))


@pytest.mark.parametrize(
    ("n", "valid", "message"),
    [
        (1, 0.2, r"1 speaker \(s00\).*need at least 3"),
        (2, 0.2, r"2 speakers.*lower split\.valid to 0"),
        (1, 0, r"1 speaker \(s00\).*need at least 2"),
    ],
)
def test_too_few_speakers_are_named_with_the_corpus_and_a_way_out(n, valid, message, slices, names):
    with pytest.raises(SplitError, match=f"corpus 'tiny': {message}"):
        split_slices(slices(names(n)), valid=valid, corpus="tiny")


def test_two_speakers_do_without_validation(slices, names):
    split = split_slices(slices(names(2)), valid=0)
    assert [len(split.speakers(part)) for part in PARTS] == [1, 0, 1]


def test_a_source_corpus_may_do_without_a_test(slices, names):
    split = split_slices(slices(names(4)), test=0)
    assert [len(split.speakers(part)) for part in PARTS] == [3, 1, 0]


def test_unknown_speakers_are_refused_with_that_reason(slices):
    for split in (split_slices, lambda table, **more: few_shot_split(table, labelled=1, **more)):
        with pytest.raises(SplitError, match="corpus 'casia': the speaker of 4 of 12 slices is unknown"):
            split(slices(["a", "b", ""]), corpus="casia")


def test_a_recording_of_two_speakers_is_refused(slices, names):
    table = slices(names(4))
    table.loc[table["speaker"].isin(["s00", "s01", "s02", "s03"]), "recording"] = "dialogue.wav"
    with pytest.raises(SplitError, match=r"1 recording stands in more than one part: dialogue\.wav"):
        split_slices(table)


def test_redraws_find_the_parts_that_have_every_class(slices, names):
    table = slices(names(10), labels=("x",))
    rare = slices(["s00", "s01", "s02"], labels=("rare",))  # three of ten speakers: one a part is one draw of many
    table = pd.concat([table, rare], ignore_index=True)
    for seed in range(5):
        split = split_slices(table, seed=seed)
        assert split.notes == ()
        assert all("rare" in split.record()["parts"][part]["labels"] for part in PARTS)


def test_a_class_that_cannot_be_everywhere_is_kept_in_training_and_noted(slices, names):
    table = pd.concat([slices(names(6), labels=("x",)), slices(["s00"], labels=("rare",))], ignore_index=True)
    for seed in range(5):
        split = split_slices(table, seed=seed)
        assert split.record()["parts"]["train"]["labels"]["rare"] == 2
        assert set(split.notes) == {"valid has no rare", "test has no rare"}


def test_training_that_cannot_have_every_class_is_refused(slices, names):
    with pytest.raises(SplitError, match="gives training every class"):
        split_slices(slices(names(3), labels=("x", "y", "z"), own=True))


def test_clip_splits_want_their_leaks_accepted_by_the_line_they_print(slices, names):
    table = slices(names(4))
    with pytest.raises(SplitError, match=r"split\.accept_leakage: \[speaker, recording, audio\]"):
        split_slices(table, by="clip", accept=["speaker"])
    windows = pd.concat([table, table.assign(start=0.5, end=1.5)], ignore_index=True)
    with pytest.raises(SplitError, match=r"split\.accept_leakage: \[speaker, recording, slice, audio\]"):
        split_slices(windows, by="clip")


def test_clip_splits_are_stratified_by_label_and_take_slices_apart(slices, names):
    table = pd.concat([slices(names(5), each=8), slices(names(5), labels=("rare",), each=2)], ignore_index=True)
    table["recording"] = table["speaker"]
    split = split_slices(table, by="clip", accept=["speaker", "recording", "audio"], seed=1)
    counts = {part: split.record()["parts"][part] for part in PARTS}
    assert {part: counts[part]["labels"]["rare"] for part in PARTS} == {"train": 6, "valid": 2, "test": 2}
    assert {part: counts[part]["slices"] for part in PARTS} == {"train": 54, "valid": 18, "test": 18}
    assert counts["test"]["recordings"] > 1


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (np.nan, 0.2)])
def test_shares_that_leave_nothing_to_train_on_are_refused(valid, test, slices, names):
    with pytest.raises(SplitError, match="leave nothing to train on"):
        split_slices(slices(names(5)), valid=valid, test=test)


def test_an_unknown_split_gets_a_suggestion(slices, names):
    with pytest.raises(SplitError, match="no split named 'speakers'; did you mean 'speaker'"):
        split_slices(slices(names(5)), by="speakers")
