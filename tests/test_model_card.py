"""The model card of a run: everything that a reader has to know, counted from the summary, and nobody's name."""

import re

import pytest

from transfer.model_card import CARD, model_card, write_model_card

SUBJECT = {
    "n": 30,
    "subjects": 30,
    "chance": 0.5,
    "uar": 0.71,
    "uar_ci": [0.6, 0.81],
    "auc": None,
    "positive": "MDD",
    "definition": "one decision per subject",
    "subgroups": {
        "sex": {
            "groups": {"f": {"uar": 0.75, "uar_ci": [0.6, 0.9], "subjects": 16}},
            "not_scored": {"m": "2 subjects of 5"},
            "gaps": {"uar": {"value": 0.2, "interval": [0.1, 0.3]}},
        }
    },
}


def summary(**more):
    return {
        "name": "tiny",
        "target": "modma",
        "seed": 3,
        "split": {"by": "speaker", "parts": {"casia": {"train": {"speakers": 3, "slices": 18}}}},
        "leakage": {"test_in_train": {"speaker": 0.0, "text": 1.0, "copy": None}, "accepted": []},
        "metrics": {"test": {"subject": SUBJECT}},
        "evaluation": {"temperature": 1.5, "rule": "mean"},
        **more,
    }


def section(card, name):
    return card.split(f"## {name}\n")[1].split("\n## ")[0]


def test_the_card_has_every_section_that_a_reader_looks_for():
    card = model_card(summary(), {"frontend": {"name": "mfcc", "order": 3}})
    names = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert names == [
        "Intended use",
        "The model",
        "Data and subjects",
        "Scores on the test part",
        "Scores by subgroup",
        "Leakage",
        "Limits",
        "Versions",
    ]
    assert "diagnoses nobody" in section(card, "Intended use")
    assert "| front end | mfcc (order 3) |" in section(card, "The model")
    assert "| source | casia | train | 3 | 18 |" in section(card, "Data and subjects")


def test_scores_stand_with_their_intervals_by_subgroup_too():
    card = model_card(summary(), {})
    assert r"| UAR | 0.71 \[0.60, 0.81\] |" in section(card, "Scores on the test part")
    assert "above chance (0.50)" in section(card, "Scores on the test part")
    groups = section(card, "Scores by subgroup")
    assert r"| sex | f | 16 | 0.75 \[0.60, 0.90\] | 0.20 \[0.10, 0.30\] |" in groups
    assert "sex m: not scored, 2 subjects of 5" in groups


def test_leakage_is_told_as_a_share_and_what_was_not_looked_for_as_such():
    told = section(model_card(summary(), {}), "Leakage")
    assert "| speaker | 0.0% |" in told
    assert "| text | 100.0% |" in told
    assert "| copy | not looked for |" in told


@pytest.mark.parametrize(
    ("more", "recipe", "words"),
    [
        ({"synthetic": {"modma": {}}}, {}, "SYNTHETIC"),
        ({"metrics": {"test": {"subject": {**SUBJECT, "subjects": 4}}}}, {}, "test subjects are few"),
        ({"selection": {"by": "oracle"}}, {}, "chosen by test labels"),
        ({"split": {"transductive": True}}, {}, "Transductive"),
        ({"leakage": {"accepted": ["speaker"]}}, {}, "accepted leaks"),
        ({"evaluation": {"temperature": None}}, {}, "not calibrated"),
        ({}, {"normalisation": "speaker"}, "standardised by speaker"),
        ({"warnings": ["the gap grew"]}, {}, "the gap grew"),
        ({"notes": ["a note"]}, {}, "a note"),
    ],
)
def test_each_limit_is_told_where_it_holds_and_only_there(more, recipe, words):
    assert words in section(model_card(summary(**more), recipe), "Limits")
    assert words not in section(model_card(summary(), {}), "Limits")


def test_names_from_files_are_text_and_never_markup():
    hostile = "<script>alert(1)</script>\n## Scores [x](http://y) | `z`"
    card = model_card(summary(target=hostile, classes={hostile: [hostile]}), {"strategy": {"name": hostile}})
    assert re.search(r"(?<!\\)[<\[`]", card) is None
    assert card.count("\n## ") == 8


def test_a_summary_of_another_version_still_gives_a_card(tmp_path):
    write_model_card(tmp_path, {}, {})
    assert "No test part was scored" in (tmp_path / CARD).read_text(encoding="utf-8")
