"""Few labelled speakers, drawn or named."""

from itertools import pairwise

import pandas as pd
import pytest

from transfer.data.few_shot import few_shot_split
from transfer.data.split import PARTS
from transfer.errors import SplitError


@pytest.mark.parametrize("labelled", [0, 1, 2, 5])
def test_labelled_speakers_train_and_all_others_test(labelled, slices, names):
    split = few_shot_split(slices(names(6)), labelled=labelled, seed=4)
    assert [len(split.speakers(part)) for part in PARTS] == [labelled, 0, 6 - labelled]


def test_fewer_labelled_speakers_are_among_more_of_them_and_seeds_differ(slices, names):
    table = slices(names(8))
    drawn = [set(few_shot_split(table, labelled=n, seed=2).speakers("train")) for n in range(8)]
    assert all(few < more for few, more in pairwise(drawn))
    assert len({few_shot_split(table, labelled=1, seed=seed).speakers("train") for seed in range(20)}) > 4


def test_labelled_speakers_cover_the_classes_first(slices, names):
    table = slices(names(10), labels=("HC", "MDD"), own=True)
    for seed in range(10):
        assert set(few_shot_split(table, labelled=2, seed=seed).record()["parts"]["train"]["labels"]) == {"HC", "MDD"}
    assert few_shot_split(table, labelled=1).notes[0].startswith("the labelled speakers have no ")


def test_named_speakers_are_the_labelled_ones(slices, names):
    assert few_shot_split(slices(names(4)), labelled=["s03", "s01", "s03"]).speakers("train") == ("s01", "s03")


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        (4, "4 labelled speakers of 4 leave none for the test; label 3 at most"),
        (["s00", "s01", "s02", "s03"], "4 labelled speakers of 4"),
        (-1, "expected 0 or more"),
        (True, "expected 0 or more"),
        (["s1"], "no speaker 's1'; did you mean 's01'"),
        ("s01", "got the text 's01'"),
    ],
)
def test_labelled_speakers_that_cannot_be_are_refused(labelled, message, slices, names):
    with pytest.raises(SplitError, match=f"corpus 'own': .*{message}"):
        few_shot_split(slices(names(4)), labelled=labelled, corpus="own")


def test_without_labelled_speakers_nobody_needs_to_be_known():
    table = pd.DataFrame({"speaker": ["", ""], "label": ["x", "y"], "recording": ["1", "2"]})
    split = few_shot_split(table, labelled=0)
    assert split.parts.to_list() == ["test", "test"]
    assert "not known" in split.notes[0]
    with pytest.raises(SplitError, match="unknown"):
        few_shot_split(table, labelled=1)
