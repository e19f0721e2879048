"""Every kind of split: by session, fold, text, column and the corpus's own parts."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.split import PARTS
from transfer.data.splitting import SPLITS, fold_names, split_slices
from transfer.errors import SplitError


@pytest.fixture(scope="session")
def told(slices, names):
    """Return a factory: slices with the columns that splits go by; session, text and official part follow the speaker."""

    def make(n, sessions=4, texts=6):
        table = slices(names(n), each=3)
        code = table["speaker"].str[1:].astype(int)
        return table.assign(
            session=[f"Ses{i % sessions}" for i in code],
            text=[f"t{i % texts}" for i in range(len(table))],
            split=["dev" if i % 5 == 1 else "test" if i % 5 == 2 else "train" for i in code],
        )

    return make


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
def test_no_speaker_is_in_two_parts_and_every_slice_counts_once_whatever_the_split(
    n, by, valid, seed, shuffled, names, told
):
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
def test_folds_test_every_slice_once(by, told):
    table = told(9)
    tested = [
        row
        for fold in fold_names(table, by=by, folds=4)
        for row in split_slices(table, by=by, fold=fold, **({"folds": 4} if by == "kfold" else {})).rows("test")
    ]
    assert sorted(tested) == list(range(len(table)))


def test_folds_are_stratified_by_the_speakers_own_label_and_differ_by_one_speaker_at_most(slices, names):
    table = slices(names(23), labels=("HC", "MDD"), own=True)
    for seed in range(4):
        parts = [split_slices(table, by="kfold", fold=k, seed=seed).record()["parts"]["test"] for k in range(5)]
        for label in ("HC", "MDD"):
            counts = [part["labels"][label] for part in parts]
            assert max(counts) - min(counts) <= 2  # two slices a speaker
        assert max(p["speakers"] for p in parts) - min(p["speakers"] for p in parts) <= 1


def test_ten_speakers_give_other_folds_under_every_seed(slices, names):
    unequal = [slices([name], labels=("x",), each=1 + 2 * i) for i, name in enumerate(names(10))]
    table = pd.concat([slices(names(10)), *unequal], ignore_index=True)

    def folds(tests):
        return frozenset(frozenset(test) for test in tests)

    ours = {
        folds(split_slices(table, by="kfold", fold=k, seed=seed).speakers("test") for k in range(5))
        for seed in range(6)
    }
    assert len(ours) == 6


def test_one_seed_gives_one_partition_for_all_folds_and_inner_folds_validate_every_rest_once(slices, names):
    table = slices(names(12))
    outer = [set(split_slices(table, by="kfold", fold=k, folds=4, seed=3).speakers("test")) for k in range(4)]
    assert [len(test) for test in outer] == [3] * 4
    assert set.union(*outer) == set(names(12))
    inner = [split_slices(table, by="kfold", fold=0, folds=4, seed=3, inner_folds=3, inner_fold=i) for i in range(3)]
    assert all(set(split.speakers("test")) == outer[0] for split in inner)
    validated = [set(split.speakers("valid")) for split in inner]
    assert [len(part) for part in validated] == [3] * 3
    assert set.union(*validated) == set(names(12)) - outer[0]


def test_loso_takes_a_number_or_a_name(slices, names):
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
def test_splits_that_cannot_be_made_say_what_is_missing(by, chosen, message, slices, names):
    with pytest.raises(SplitError, match=message):
        split_slices(slices(names(6)), by=by, **chosen)


def test_a_split_without_folds_cannot_be_enumerated(slices, names):
    with pytest.raises(SplitError, match="speaker has no folds; expected one of kfold, loso, session"):
        fold_names(slices(names(3)), by="speaker")


def test_sessions_keep_both_speakers_of_a_dialogue_together(told):
    table = told(8)
    split = split_slices(table, by="session")
    parts = split.parts
    assert all(parts[table["session"] == session].nunique() == 1 for session in set(table["session"]))
    crossing = table.assign(session=["Ses1", "Ses2", "Ses3"] * (len(table) // 3))
    with pytest.raises(SplitError, match="8 speakers stand in more than one part"):
        split_slices(crossing, by="session")


def test_a_split_by_text_shares_no_text_and_says_that_it_shares_speakers(told):
    table = told(5)
    with pytest.raises(SplitError, match=r"accept it by name: split\.accept_leakage: \[speaker\]"):
        split_slices(table, by="text")
    parts = split_slices(table, by="text", accept=["speaker"]).parts
    assert all(parts[table["text"] == text].nunique() == 1 for text in set(table["text"]))
    assert set(parts) == set(PARTS)


def test_the_official_parts_are_those_of_the_corpus(told):
    table = told(10)
    split = split_slices(table, by="official")
    assert (split.parts == table["split"].replace({"dev": "valid"})).all()
    assert split.notes == ()


def test_a_column_without_validation_gets_one_from_training_speakers_and_says_so(told):
    table = told(10).assign(part=lambda t: t["split"].replace({"dev": "Training", "test": "Eval"}))
    split = split_slices(table, by="column", column="part", valid=0.25)
    assert set(split.rows("test")) == set(table.index[table["split"] == "test"])
    assert len(split.speakers("valid")) == 2
    assert split.notes[0] == "column 'part' has no validation part: one was drawn from training speakers"
    assert split_slices(table, by="column", column="part", valid=0).speakers("valid") == ()


def test_a_column_that_says_anything_else_is_refused(told):
    with pytest.raises(SplitError, match=r"says 'later' of 6 slices; expected train, valid \(dev\) or test"):
        split_slices(
            told(10).assign(
                split=lambda t: t["split"].replace({"train": "train"}).where(t["speaker"] != "s00", "later")
            ),
            by="official",
        )
    with pytest.raises(SplitError, match="names no test part"):
        split_slices(told(10).assign(split="train"), by="official")


def test_a_column_that_names_no_training_part_is_refused():
    table = pd.DataFrame({"speaker": ["s", "t"], "recording": ["1", "2"], "label": ["x", "y"], "half": ["dev", "test"]})
    with pytest.raises(SplitError, match="no slice is left for training"):
        split_slices(table, by="column", column="half", valid=0.2, test=0.2, seed=0)


def test_a_class_that_training_lacks_is_noted():
    table = pd.DataFrame(
        {
            "speaker": list("sstt"),
            "recording": list("1234"),
            "label": list("xyxz"),
            "half": ["train", "train", "test", "test"],
        }
    )
    assert any(
        "training has no z" in note
        for note in split_slices(table, by="column", column="half", valid=0.0, test=0.2, seed=0).notes
    )
