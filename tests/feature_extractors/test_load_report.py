"""What a state dict fits, and what is said of the rest."""

import json

import torch
from hypothesis import given
from hypothesis import strategies as st

from feature_extractors.load_report import LoadReport, compare_weights

names = st.sampled_from("abcdef")
states = st.dictionaries(names, st.integers(1, 2).map(torch.zeros))


@given(states, states)
def test_every_name_is_told_of_exactly_once(wanted, given_):
    report = compare_weights(wanted, given_)
    ours = [*report.matched, *report.missing, *report.shapes]
    assert sorted(ours) == sorted(wanted)
    assert sorted([*report.matched, *report.shapes, *report.unexpected]) == sorted(given_)
    assert set(report.matched) == {n for n in wanted if n in given_ and wanted[n].shape == given_[n].shape}
    assert (
        report.fits == (len(report.faults()) == 0) == (report.matched == tuple(wanted) and len(given_) == len(wanted))
    )
    assert report.asked == len(wanted)


def test_faults_say_why_with_both_shapes():
    report = compare_weights(
        {"a": torch.zeros(3, 2), "b": torch.zeros(1)}, {"a": torch.zeros(2, 3), "c": torch.zeros(1)}
    )
    assert report.faults() == [
        "b: missing in the file",
        "a: shape (2, 3) in the file, (3, 2) in the network",
        "c: in the file, not in the network",
    ]
    assert json.loads(json.dumps(report.record())) == {
        "matched": [],
        "missing": ["b"],
        "unexpected": ["c"],
        "untouched": [],
        "shapes": {"a": {"file": [2, 3], "network": [3, 2]}},
    }


def test_the_line_counts_what_was_asked_for_and_names_modules():
    report = LoadReport(matched=("tim.a", "tim.b"), missing=("tim.c",), untouched=("encoder.a", "encoder.b", "bn.a"))
    assert report.line() == (
        "2 of 3 weights taken; 1 missing in the file (tim.c); 3 not asked for, as they were drawn (encoder, bn)"
    )


def test_a_message_lists_the_first_and_counts_the_rest():
    lines = LoadReport(missing=tuple("abcdefghi")).first_faults().splitlines()
    assert lines[1] == "  a: missing in the file"
    assert (len(lines), lines[-1]) == (8, "  and 3 more")
