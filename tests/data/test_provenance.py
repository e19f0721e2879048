"""Statistics and labels are checked by what was made of them, not by what was meant."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transfer.data.domain import HIDDEN
from transfer.data.leakage import check_leakage
from transfer.data.normalisation import Normaliser
from transfer.data.provenance import audit_statistics, check_withheld
from transfer.errors import LeakageError

TABLE = pd.DataFrame(
    {
        "corpus": ["a", "a", "b", "b", "b", "b"],
        "speaker": ["s", "t", "s", "u", "v", "w"],
        "part": ["train", "valid", "train", "valid", "test", "test"],
        "visible": [True, False, True, False, False, False],
        "labelled": [True, False, True, False, False, False],
    }
)


def audited(kind, table=TABLE, fitted_on=None):
    normaliser = Normaliser(kind).fit(table if fitted_on is None else fitted_on, lambda i: np.ones((2 + i, 1)))
    return audit_statistics(table, normaliser)


@pytest.mark.parametrize("kind", ["none", "clip", "train", "corpus", "speaker"])
def test_statistics_as_they_should_be_leak_nothing(kind):
    assert audited(kind).found == ()


@pytest.mark.parametrize("kind", ["train", "corpus"])
def test_statistics_fitted_on_everything_are_found_counted_and_refused(kind):
    everything = TABLE.assign(visible=True, labelled=True)
    report = audited(kind, fitted_on=everything)
    found = {(f.part, f.against): (f.count, f.total) for f in report.found}
    assert found["b/test", "train"] == (2, 2)
    assert found["b/valid", "test"] == (1, 1)
    with pytest.raises(LeakageError, match=r"statistics: 2 of 2 slices \(100\.0%\) of b/test are in the statistics of"):
        check_leakage(report, [])
    check_leakage(report, ["statistics"])


def test_unlabelled_test_audio_that_training_may_hear_may_be_in_its_statistics():
    transductive = TABLE.assign(visible=[True, False, True, False, True, True])
    assert audited("corpus", transductive).found == ()


def test_a_speakers_own_statistics_leak_where_the_speaker_is_in_two_parts():
    crossing = TABLE.assign(speaker=["s", "t", "v", "u", "v", "w"])
    assert [(f.part, f.against, f.count) for f in audited("speaker", crossing).found] == [("b/test", "train", 1)]


def test_labels_that_the_strategy_does_not_declare_or_of_the_test_are_refused(domain):
    withheld = domain("b", labelled=False)
    assert check_withheld([domain("a"), withheld], "b", ["source"]) == {
        "a": {"handed": 16, "withheld": 16},
        "b": {"handed": 0, "withheld": 32},
    }
    with pytest.raises(LeakageError, match=r"16 labels of b are not masked .*learns from the labels of: source"):
        check_withheld([domain("b")], "b", ["source"])
    test = withheld.labels.clone()
    test[-1] = 0
    assert HIDDEN not in test[-1:].tolist()
    with pytest.raises(LeakageError, match="1 labels of b are not masked"):
        check_withheld([replace(withheld, labels=test)], "b", ["source", "target"])


def test_a_strategy_is_handed_no_column_that_says_a_label(domain):
    own = domain("a")
    table = own.table.assign(path="a/angry/1.wav", phq9=21.0, text="t", session="1")
    assert set(replace(own, table=table).without_truth().table) == {"part", "speaker", "session"}
