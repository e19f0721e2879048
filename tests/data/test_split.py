"""A Split holds no speaker in two parts; the draws keep their promises."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.few_shot import few_shot_split
from transfer.data.split import PARTS, Split
from transfer.data.splitting import SPLITS, fold_names, split_slices
from transfer.errors import LeakageError, SplitError


def slices(speakers, labels=("x", "y"), each=2, own=False):
    """Slices of speakers that say every label, or (own) one of their own in turn."""
    rows = [
        {"speaker": speaker, "label": label, "recording": f"{speaker}-{label}-{i}.wav"}
        for n, speaker in enumerate(speakers)
        for label in ([labels[n % len(labels)]] if own else labels)
        for i in range(each)
    ]
    table = pd.DataFrame(rows)
    return table.assign(path="/c/" + table["recording"], start=0.0, end=1.0)


def names(n):
    return [f"s{i:02d}" for i in range(n)]


def by_hand(table, **parts):
    return pd.Series([parts[speaker] for speaker in table["speaker"]], index=table.index)


def test_split_refuses_a_shared_speaker():
    table = slices(["a", "b"])
    parts = pd.Series(["train", "test"] * 4)
    with pytest.raises(
        SplitError, match=r"2 speakers stand in more than one part: a \(test, train\), b \(test, train\)"
    ):
        Split(table, parts, by="hand")


def test_split_names_the_first_five_shared_speakers():
    table = slices(names(8))
    with pytest.raises(SplitError, match=r"8 speakers .*s04 \(test, train\) and 3 more"):
        Split(table, pd.Series(["train", "test"] * 16), by="hand")


def test_split_refuses_a_shared_recording_even_where_speakers_may_be_shared():
    table = slices(["a", "b"]).assign(recording="dialogue.wav")
    with pytest.raises(SplitError, match=r"1 recording stands in more than one part: dialogue\.wav"):
        Split(table, pd.Series(["train", "test"] * 4), by="hand", accept=["speaker"])


def test_split_refuses_unknown_speakers_in_two_parts():
    table = slices(["a", ""])
    with pytest.raises(SplitError, match="4 of 8 slices have no known speaker"):
        Split(table, by_hand(table, **{"a": "train", "": "test"}), by="hand")
    Split(table, pd.Series("train", index=table.index), by="hand")


def test_split_with_accepted_leaks_is_constructed_and_remembers_them():
    table = slices(["a", "b"]).assign(recording="one.wav")
    split = Split(table, pd.Series(["train", "test"] * 4), by="hand", accept=["speaker", "recording"])
    assert split.record()["accept"] == ["speaker", "recording"]
    with pytest.raises(LeakageError, match="did you mean 'speaker'"):
        Split(table, pd.Series(["train"] * 8), by="hand", accept=["speakers"])


def test_split_refuses_parts_that_do_not_fit_the_table():
    table = slices(["a", "b"])
    with pytest.raises(SplitError, match="no part named 'dev'"):
        Split(table, by_hand(table, a="train", b="dev"), by="hand")
    with pytest.raises(SplitError, match="7 parts for 8 slices"):
        Split(table, by_hand(table, a="train", b="test").iloc[1:], by="hand")


def test_split_is_immutable():
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


def test_record_counts_and_names_nobody():
    table = slices(["anna", "bert"])
    record = Split(table, by_hand(table, anna="train", bert="test"), by="hand").record()
    assert record["parts"]["train"] == {"slices": 4, "recordings": 4, "speakers": 1, "labels": {"x": 2, "y": 2}}
    assert record["parts"]["valid"]["slices"] == 0
    assert "anna" not in str(record)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 30),
    valid=st.floats(0, 0.45),
    test=st.floats(0.01, 0.45),
    seed=st.integers(0, 1000),
    own=st.booleans(),
)
def test_speaker_parts_are_disjoint_whole_and_never_empty(n, valid, test, seed, own):
    own = own and (1 - valid - test) * n > 4  # room for both labels in training
    split = split_slices(slices(names(n), own=own), valid=valid, test=test, seed=seed)
    parts = {part: set(split.speakers(part)) for part in PARTS}
    assert set.union(*parts.values()) == set(names(n))
    assert sum(map(len, parts.values())) == n
    assert parts["train"]
    assert parts["test"]
    assert bool(parts["valid"]) == (valid > 0)


def test_shares_are_those_of_speakers():
    split = split_slices(slices(names(50)), valid=0.1, test=0.3)
    assert [len(split.speakers(part)) for part in PARTS] == [30, 5, 15]


def test_clinical_speakers_are_stratified_by_their_own_label():
    table = slices(names(52), labels=("HC", "MDD"), own=True)
    for seed in range(5):
        record = split_slices(table, seed=seed).record()["parts"]
        for part, size in (("train", 32), ("valid", 10), ("test", 10)):
            counts = record[part]["labels"]
            assert sum(counts.values()) == 2 * size
            assert abs(counts["HC"] - counts["MDD"]) <= 4, (seed, part, counts)


def test_few_clinical_speakers_still_give_every_part_every_label():
    for seed in range(5):
        split = split_slices(slices(names(6), labels=("HC", "MDD"), own=True), seed=seed)
        assert [len(split.speakers(part)) for part in PARTS] == [2, 2, 2]
        assert split.notes == ()


def test_different_seeds_give_different_splits_and_one_seed_the_same():
    table = slices(names(10))
    parts = [tuple(split_slices(table, seed=seed).parts) for seed in range(12)]
    assert len(set(parts)) >= 10
    assert tuple(split_slices(table, seed=3).parts) == parts[3]


def test_every_speaker_is_a_test_speaker_under_some_seed():
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
def test_too_few_speakers_are_named_with_the_corpus_and_a_way_out(n, valid, message):
    with pytest.raises(SplitError, match=f"corpus 'tiny': {message}"):
        split_slices(slices(names(n)), valid=valid, corpus="tiny")


def test_two_speakers_do_without_validation():
    split = split_slices(slices(names(2)), valid=0)
    assert [len(split.speakers(part)) for part in PARTS] == [1, 0, 1]


def test_a_source_corpus_may_do_without_a_test():
    split = split_slices(slices(names(4)), test=0)
    assert [len(split.speakers(part)) for part in PARTS] == [3, 1, 0]


def test_unknown_speakers_are_refused_with_that_reason():
    for split in (split_slices, lambda table, **more: few_shot_split(table, labelled=1, **more)):
        with pytest.raises(SplitError, match="corpus 'casia': the speaker of 4 of 12 slices is unknown"):
            split(slices(["a", "b", ""]), corpus="casia")


def test_a_recording_of_two_speakers_is_refused():
    table = slices(names(4))
    table.loc[table["speaker"].isin(["s00", "s01", "s02", "s03"]), "recording"] = "dialogue.wav"
    with pytest.raises(SplitError, match=r"1 recording stands in more than one part: dialogue\.wav"):
        split_slices(table)


def test_redraws_find_the_parts_that_have_every_class():
    table = slices(names(10), labels=("x",))
    rare = slices(["s00", "s01", "s02"], labels=("rare",))  # three of ten speakers: one a part is one draw of many
    table = pd.concat([table, rare], ignore_index=True)
    for seed in range(5):
        split = split_slices(table, seed=seed)
        assert split.notes == ()
        assert all("rare" in split.record()["parts"][part]["labels"] for part in PARTS)


def test_a_class_that_cannot_be_everywhere_is_kept_in_training_and_noted():
    table = pd.concat([slices(names(6), labels=("x",)), slices(["s00"], labels=("rare",))], ignore_index=True)
    for seed in range(5):
        split = split_slices(table, seed=seed)
        assert split.record()["parts"]["train"]["labels"]["rare"] == 2
        assert set(split.notes) == {"valid has no rare", "test has no rare"}


def test_training_that_cannot_have_every_class_is_refused():
    with pytest.raises(SplitError, match="gives training every class"):
        split_slices(slices(names(3), labels=("x", "y", "z"), own=True))


def test_clip_splits_want_their_leaks_accepted_by_the_line_they_print():
    table = slices(names(4))
    with pytest.raises(SplitError, match=r"split\.accept_leakage: \[speaker, recording, audio\]"):
        split_slices(table, by="clip", accept=["speaker"])
    windows = pd.concat([table, table.assign(start=0.5, end=1.5)], ignore_index=True)
    with pytest.raises(SplitError, match=r"split\.accept_leakage: \[speaker, recording, slice, audio\]"):
        split_slices(windows, by="clip")


def test_clip_splits_are_stratified_by_label_and_take_slices_apart():
    table = pd.concat([slices(names(5), each=8), slices(names(5), labels=("rare",), each=2)], ignore_index=True)
    table["recording"] = table["speaker"]
    split = split_slices(table, by="clip", accept=["speaker", "recording", "audio"], seed=1)
    counts = {part: split.record()["parts"][part] for part in PARTS}
    assert {part: counts[part]["labels"]["rare"] for part in PARTS} == {"train": 6, "valid": 2, "test": 2}
    assert {part: counts[part]["slices"] for part in PARTS} == {"train": 54, "valid": 18, "test": 18}
    assert counts["test"]["recordings"] > 1


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (np.nan, 0.2)])
def test_shares_that_leave_nothing_to_train_on_are_refused(valid, test):
    with pytest.raises(SplitError, match="leave nothing to train on"):
        split_slices(slices(names(5)), valid=valid, test=test)


def test_an_unknown_split_gets_a_suggestion():
    with pytest.raises(SplitError, match="no split named 'speakers'; did you mean 'speaker'"):
        split_slices(slices(names(5)), by="speakers")


@pytest.mark.parametrize("labelled", [0, 1, 2, 5])
def test_labelled_speakers_train_and_all_others_test(labelled):
    split = few_shot_split(slices(names(6)), labelled=labelled, seed=4)
    assert [len(split.speakers(part)) for part in PARTS] == [labelled, 0, 6 - labelled]


def test_fewer_labelled_speakers_are_among_more_of_them_and_seeds_differ():
    table = slices(names(8))
    drawn = [set(few_shot_split(table, labelled=n, seed=2).speakers("train")) for n in range(8)]
    assert all(few < more for few, more in pairwise(drawn))
    assert len({few_shot_split(table, labelled=1, seed=seed).speakers("train") for seed in range(20)}) > 4


def test_labelled_speakers_cover_the_classes_first():
    table = slices(names(10), labels=("HC", "MDD"), own=True)
    for seed in range(10):
        assert set(few_shot_split(table, labelled=2, seed=seed).record()["parts"]["train"]["labels"]) == {"HC", "MDD"}
    assert few_shot_split(table, labelled=1).notes[0].startswith("the labelled speakers have no ")


def test_named_speakers_are_the_labelled_ones():
    assert few_shot_split(slices(names(4)), labelled=["s03", "s01", "s03"]).speakers("train") == ("s01", "s03")


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        (4, "4 labelled speakers of 4 leave none for the test; label 3 at most"),
        (names(4), "4 labelled speakers of 4"),
        (-1, "expected 0 or more"),
        (True, "expected 0 or more"),
        (["s1"], "no speaker 's1'; did you mean 's01'"),
        ("s01", "got the text 's01'"),
    ],
)
def test_labelled_speakers_that_cannot_be_are_refused(labelled, message):
    with pytest.raises(SplitError, match=f"corpus 'own': .*{message}"):
        few_shot_split(slices(names(4)), labelled=labelled, corpus="own")


def told(n, sessions=4, texts=6):
    """Slices of speakers with the columns that splits go by; session, text and official part follow the speaker."""
    table = slices(names(n), each=3)
    code = table["speaker"].str[1:].astype(int)
    return table.assign(
        session=[f"Ses{i % sessions}" for i in code],
        text=[f"t{i % texts}" for i in range(len(table))],
        split=["dev" if i % 5 == 1 else "test" if i % 5 == 2 else "train" for i in code],
    )


def options(by, seed, n):
    folds = {"loso": {"fold": seed % n}, "kfold": {"fold": seed % 3, "folds": 3}, "session": {"fold": seed % 4}}
    return {"column": {"column": "split"}}.get(by, folds.get(by, {}))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(5, 14),
    by=st.sampled_from([by for by in SPLITS if by not in ("clip", "text")]),
    valid=st.sampled_from([0.0, 0.2, 0.4]),
    seed=st.integers(0, 500),
    shuffled=st.randoms(use_true_random=False),
)
def test_no_speaker_is_in_two_parts_and_every_slice_counts_once_whatever_the_split(n, by, valid, seed, shuffled):
    table = told(n)
    order = list(range(len(table)))
    shuffled.shuffle(order)
    table = table.iloc[order].reset_index(drop=True)
    split = split_slices(table, by=by, valid=valid, seed=seed, **options(by, seed, n))
    parts = [set(split.speakers(part)) for part in PARTS]
    assert sum(map(len, parts)) == n
    assert set.union(*parts) == set(names(n))
    rows = [row for part in PARTS for row in split.rows(part)]
    assert sorted(rows) == list(range(len(table)))
    assert parts[0]
    assert parts[2]
    assert bool(parts[1]) == (valid > 0 or by in ("official", "column"))


@pytest.mark.parametrize("by", ["loso", "session", "kfold"])
def test_folds_test_every_slice_once(by):
    table = told(9)
    tested = [
        row
        for fold in fold_names(table, by=by, folds=4)
        for row in split_slices(table, by=by, fold=fold, **({"folds": 4} if by == "kfold" else {})).rows("test")
    ]
    assert sorted(tested) == list(range(len(table)))


def test_folds_are_stratified_by_the_speakers_own_label_and_differ_by_one_speaker_at_most():
    table = slices(names(23), labels=("HC", "MDD"), own=True)
    for seed in range(4):
        parts = [split_slices(table, by="kfold", fold=k, seed=seed).record()["parts"]["test"] for k in range(5)]
        for label in ("HC", "MDD"):
            counts = [part["labels"][label] for part in parts]
            assert max(counts) - min(counts) <= 2  # two slices a speaker
        assert max(p["speakers"] for p in parts) - min(p["speakers"] for p in parts) <= 1


def test_ten_speakers_give_other_folds_under_every_seed_where_scikit_learn_gives_the_same():
    from sklearn.model_selection import StratifiedGroupKFold

    unequal = [slices([name], labels=("x",), each=1 + 2 * i) for i, name in enumerate(names(10))]
    table = pd.concat([slices(names(10)), *unequal], ignore_index=True)

    def folds(tests):
        return frozenset(frozenset(test) for test in tests)

    ours = {
        folds(split_slices(table, by="kfold", fold=k, seed=seed).speakers("test") for k in range(5))
        for seed in range(6)
    }
    assert len(ours) == 6
    theirs = set()
    for seed in range(6):
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        tests = [
            set(table["speaker"].iloc[test]) for _, test in splitter.split(table, table["label"], table["speaker"])
        ]
        theirs.add(folds(tests))
    assert len(theirs) == 1


def test_one_seed_gives_one_partition_for_all_folds_and_inner_folds_validate_every_rest_once():
    table = slices(names(12))
    outer = [set(split_slices(table, by="kfold", fold=k, folds=4, seed=3).speakers("test")) for k in range(4)]
    assert [len(test) for test in outer] == [3] * 4
    assert set.union(*outer) == set(names(12))
    inner = [split_slices(table, by="kfold", fold=0, folds=4, seed=3, inner_folds=3, inner_fold=i) for i in range(3)]
    assert all(set(split.speakers("test")) == outer[0] for split in inner)
    validated = [set(split.speakers("valid")) for split in inner]
    assert [len(part) for part in validated] == [3] * 3
    assert set.union(*validated) == set(names(12)) - outer[0]


def test_loso_takes_a_number_or_a_name():
    table = slices(names(4))
    assert split_slices(table, by="loso", fold=2).speakers("test") == ("s02",)
    split = split_slices(table, by="loso", fold="s03", valid=0.34)
    assert split.speakers("test") == ("s03",)
    assert len(split.speakers("valid")) == 1


@pytest.mark.parametrize(
    ("by", "chosen", "message"),
    [
        ("loso", {}, r"split\.fold is None; expected a number from 0 to 5, or the name of a speaker in quotes"),
        ("loso", {"fold": 6}, r"split\.fold is 6"),
        ("loso", {"fold": True}, r"split\.fold is True"),
        ("loso", {"fold": "s9"}, r"split\.fold is 's9'"),
        ("kfold", {}, r"split\.fold is None; expected the number of a fold, 0 to 4"),
        ("kfold", {"fold": 5}, r"split\.fold is 5"),
        ("kfold", {"fold": 0, "folds": 7}, r"split\.folds is 7, but 6 speakers make 2 to 6 folds"),
        ("kfold", {"fold": 0, "inner_folds": 9}, r"split\.inner_fold 0 of 9: the test leaves [45] speakers"),
        ("kfold", {"fold": 0, "inner_folds": 2, "inner_fold": 2}, r"split\.inner_fold 2 of 2"),
        ("session", {}, "it does not tell the session"),
        ("text", {}, "it does not tell the text"),
        ("official", {}, "it comes with no official split"),
        ("column", {}, r"needs split\.column"),
        ("column", {"column": "parts"}, "there is no column 'parts'"),
    ],
)
def test_splits_that_cannot_be_made_say_what_is_missing(by, chosen, message):
    with pytest.raises(SplitError, match=message):
        split_slices(slices(names(6)), by=by, **chosen)


def test_a_split_without_folds_cannot_be_enumerated():
    with pytest.raises(SplitError, match="speaker has no folds; expected one of kfold, loso, session"):
        fold_names(slices(names(3)), by="speaker")


def test_sessions_keep_both_speakers_of_a_dialogue_together():
    table = told(8)
    split = split_slices(table, by="session")
    parts = split.parts
    assert all(parts[table["session"] == session].nunique() == 1 for session in set(table["session"]))
    crossing = table.assign(session=["Ses1", "Ses2", "Ses3"] * (len(table) // 3))
    with pytest.raises(SplitError, match="8 speakers stand in more than one part"):
        split_slices(crossing, by="session")


def test_a_split_by_text_shares_no_text_and_says_that_it_shares_speakers():
    table = told(5)
    with pytest.raises(SplitError, match=r"accept it by name: split\.accept_leakage: \[speaker\]"):
        split_slices(table, by="text")
    parts = split_slices(table, by="text", accept=["speaker"]).parts
    assert all(parts[table["text"] == text].nunique() == 1 for text in set(table["text"]))
    assert set(parts) == set(PARTS)


def test_the_official_parts_are_those_of_the_corpus():
    table = told(10)
    split = split_slices(table, by="official")
    assert (split.parts == table["split"].replace({"dev": "valid"})).all()
    assert split.notes == ()


def test_a_column_without_validation_gets_one_from_training_speakers_and_says_so():
    table = told(10).assign(part=lambda t: t["split"].replace({"dev": "Training", "test": "Eval"}))
    split = split_slices(table, by="column", column="part", valid=0.25)
    assert set(split.rows("test")) == set(table.index[table["split"] == "test"])
    assert len(split.speakers("valid")) == 2
    assert split.notes[0] == "column 'part' has no validation part: one was drawn from training speakers"
    assert split_slices(table, by="column", column="part", valid=0).speakers("valid") == ()


def test_a_column_that_says_anything_else_is_refused():
    with pytest.raises(SplitError, match=r"says 'later' of 6 slices; expected train, valid \(dev\) or test"):
        split_slices(
            told(10).assign(
                split=lambda t: t["split"].replace({"train": "train"}).where(t["speaker"] != "s00", "later")
            ),
            by="official",
        )
    with pytest.raises(SplitError, match="names no test part"):
        split_slices(told(10).assign(split="train"), by="official")
