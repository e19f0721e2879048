"""Frozen parts: one hash for what was drawn and for its file, and no file for another corpus."""

import hashlib

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.data.split_file import check_hash, frozen_parts, read_split, split_hash, split_table, write_split
from transfer.errors import SplitError
from transfer.recipe import SplitSection


def slices(n=6):
    parts = ["train", "valid", "test"]
    rows = [
        {"corpus": "own", "hash": f"{i:032x}", "start": 7.5 * (i % 2), "end": 7.5 * (i % 2) + 10, "part": parts[i % 3]}
        for i in range(n)
    ]
    return pd.DataFrame(rows)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_slices(shuffled):
    order = list(range(6))
    shuffled.shuffle(order)
    assert split_hash(split_table(slices().iloc[order])) == split_hash(split_table(slices()))


def test_the_file_comes_back_as_it_was_and_its_hash_is_that_of_its_bytes(tmp_path):
    table = split_table(slices())
    write_split(tmp_path / "split.csv", table)
    pd.testing.assert_frame_equal(read_split(tmp_path / "split.csv"), table, check_dtype=False)
    assert split_hash(table) == "sha256:" + hashlib.sha256((tmp_path / "split.csv").read_bytes()).hexdigest()
    parts = frozen_parts(read_split(tmp_path / "split.csv"), slices(), corpus="own")
    assert parts.to_list() == slices()["part"].to_list()


def test_line_ends_and_the_order_of_rows_do_not_change_the_hash_but_a_part_does(tmp_path):
    write_split(tmp_path / "a.csv", split_table(slices()))
    head, *rows = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "b.csv").write_bytes("\r\n".join([head, *reversed(rows)]).encode())
    hashes = [split_hash(read_split(tmp_path / name)) for name in ("a.csv", "b.csv")]
    assert hashes[0] == hashes[1]
    (tmp_path / "c.csv").write_text("\n".join([head, rows[0].replace("train", "test"), *rows[1:]]))
    changed = split_hash(read_split(tmp_path / "c.csv"))
    assert changed != hashes[0]
    check_hash(changed, None, "drawn")
    with pytest.raises(
        SplitError, match=rf"the parts in c\.csv have the hash {changed}, the recipe demands {hashes[0]}"
    ):
        check_hash(changed, hashes[0], "in c.csv")


def test_the_file_names_no_speaker_and_no_path(tmp_path):
    table = slices().assign(speaker="anna", path="/home/anna/a.wav", recording="a.wav")
    write_split(tmp_path / "split.csv", split_table(table))
    assert "a.wav" not in (tmp_path / "split.csv").read_text()
    assert "anna" not in (tmp_path / "split.csv").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[1:], r"1 of its 6 slices are not in the corpus, and 0 of the corpus's 5 slices"),
        (lambda t: t.assign(end=t["end"] + 1), r"6 of its 6 slices are not in the corpus, and 6"),
        (lambda t: t.assign(hash=["f" * 32, *t["hash"][1:]]), r"1 of its 6 slices .* and 1 of the corpus's 6"),
    ],
)
def test_a_file_of_another_corpus_or_slicing_is_refused_with_counts(change, message):
    with pytest.raises(SplitError, match=message):
        frozen_parts(split_table(slices()), change(slices()), corpus="own")
    with pytest.raises(SplitError, match="does not fit corpus 'other': 0 of its 0"):
        frozen_parts(split_table(slices()), slices(), corpus="other")


def test_copies_in_one_part_share_a_row_and_in_two_parts_cannot_be_frozen(tmp_path):
    twice = pd.concat([slices(), slices().iloc[:1]], ignore_index=True)
    write_split(tmp_path / "split.csv", split_table(twice))
    assert frozen_parts(read_split(tmp_path / "split.csv"), twice, corpus="own").iloc[-1] == "train"
    with pytest.raises(SplitError, match="1 slices are copies of a slice in another part"):
        write_split(tmp_path / "no.csv", split_table(twice.assign(part=["train"] * 6 + ["test"])))
    assert not (tmp_path / "no.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corpus,audio,start,end\nown,1,0,1\n", "has no column part"),
        ("corpus,audio,start,end,part\n", "has no rows"),
        ("corpus,audio,start,end,part\nown,1,0,1,dev\n", "names the part 'dev'; expected one of train, valid, test"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, message):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(SplitError, match=message):
        read_split(tmp_path / "split.csv")
    with pytest.raises(SplitError, match=r"does not exist; write it by `transfer split"):
        read_split(tmp_path / "none.csv")


def test_a_split_file_goes_with_no_other_rule_for_the_parts():
    with pytest.raises(ValueError, match="have no effect"):
        SplitSection(file="split.csv", by="loso", fold=1)


def test_a_slice_that_was_written_into_two_parts_is_refused():
    table = split_table(slices())
    torn = pd.concat([table, table.iloc[[0]].assign(part="test" if table["part"].iloc[0] != "test" else "train")])
    with pytest.raises(SplitError, match="gives 1 slices of corpus 'own' two parts"):
        frozen_parts(torn, slices(), corpus="own")
