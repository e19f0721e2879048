"""From the words of corpora to classes, with an account of every clip."""

import pandas as pd
import pytest

from transfer.data.labels import (
    AMBIGUOUS,
    CANONICAL,
    RULES,
    SPACES,
    canonical_label,
    coverage_lines,
    map_labels,
)
from transfer.data.layouts import LAYOUTS
from transfer.errors import UserError


def table(*labels):
    return pd.DataFrame({"label": list(labels), "row": range(len(labels))})


def test_every_word_of_every_layout_has_a_canonical_class():
    words = {word for layout in LAYOUTS.values() for word in layout.labels.values()}
    assert {word for word in words if canonical_label(word) not in CANONICAL} == set()


def test_no_word_stands_for_two_classes():
    words = [word for found in CANONICAL.values() for word in found]
    assert len(words) == len(set(words))
    assert all(name in words for words_of, name in ((words, name) for name in CANONICAL) if words_of)


@pytest.mark.parametrize(
    ("word", "name"),
    [("Joy", "happiness"), (" surprised", "surprise"), ("Pleasant surprise", "surprise"), ("MDD", "depressed")],
)
def test_words_are_translated_in_any_case(word, name):
    assert canonical_label(word) == name


def test_as_is_keeps_words_and_rows():
    mapped, coverage = map_labels({"a": table("Joy", "sad", "gaiety")}, "as_is")
    assert mapped["a"]["label"].to_list() == ["Joy", "sad", "gaiety"]
    assert coverage["corpora"]["a"] == {"kept": {"Joy": 1, "gaiety": 1, "sad": 1}, "merged": {}, "dropped": {}}


def test_canonical_keeps_all_and_tells_what_it_merged():
    mapped, coverage = map_labels({"a": table("happy", "joy", "sad"), "b": table("HC", "MDD")}, "canonical")
    assert mapped["a"]["label"].to_list() == ["happiness", "happiness", "sadness"]
    assert mapped["b"]["label"].to_list() == ["healthy", "depressed"]
    assert coverage["corpora"]["a"]["merged"] == {"happiness": ["happy", "joy"]}


def test_shared_keeps_the_classes_of_all_and_accounts_for_the_rest():
    mapped, coverage = map_labels(
        {"a": table("happy", "calm", "sad", "calm"), "b": table("sad", "joy", "boredom")}, "shared"
    )
    assert mapped["a"]["label"].to_list() == ["happiness", "sadness"]
    assert mapped["a"]["row"].to_list() == [0, 2]
    assert mapped["a"].index.to_list() == [0, 1]
    assert mapped["b"]["label"].to_list() == ["sadness", "happiness"]
    assert coverage["corpora"]["a"] == {"kept": {"happiness": 1, "sadness": 1}, "merged": {}, "dropped": {"calm": 2}}
    assert coverage["corpora"]["b"]["dropped"] == {"boredom": 1}


def test_the_tables_given_are_left_as_they_were():
    given = table("happy", "sad")
    map_labels({"a": given}, "canonical")
    assert given["label"].to_list() == ["happy", "sad"]


def test_fewer_than_two_shared_classes_are_refused_with_what_there_is():
    with pytest.raises(UserError, match=r"found 1 \(a: happiness, sadness; b: anger, happiness\)"):
        map_labels({"a": table("happy", "sad"), "b": table("joy", "angry")}, "shared")


@pytest.mark.parametrize("rule", ["canonical", "shared"])
def test_a_word_that_the_registry_lacks_is_named_with_its_corpus(rule):
    with pytest.raises(UserError, match=r"corpus 'b': no canonical class for the label 'hapy'; did you mean 'happy'"):
        map_labels({"a": table("happy", "sad"), "b": table("hapy", "sad")}, rule)


def test_an_unknown_rule_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'shared'"):
        map_labels({}, "share")
    assert set(RULES) == {"as_is", "canonical", "shared", "valence", "quadrants"}


def test_valence_merges_emotions_and_says_so():
    mapped, coverage = map_labels(
        {"a": table("happy", "sad", "Angry", "neutral"), "b": table("joy", "calm", "fear")}, "valence"
    )
    assert mapped["a"]["label"].to_list() == ["positive", "negative", "negative", "neutral"]
    assert mapped["b"]["label"].to_list() == ["positive", "positive", "negative"]
    assert coverage["corpora"]["a"]["merged"] == {"negative": ["Angry", "sad"]}
    assert coverage_lines(coverage)[0] == (
        "labels: valence: a keeps negative 2, neutral 1, positive 1; merges Angry + sad -> negative"
    )


def test_quadrants_leave_out_the_origin_and_count_it():
    mapped, coverage = map_labels({"a": table("happy", "sad", "angry", "neutral", "calm")}, "quadrants")
    assert mapped["a"]["label"].to_list() == [
        "positive_active",
        "negative_passive",
        "negative_active",
        "positive_passive",
    ]
    assert coverage["corpora"]["a"]["dropped"] == {"neutral": 1}


@pytest.mark.parametrize("rule", ["valence", "quadrants"])
def test_every_emotion_has_one_place_in_a_space_or_is_ambiguous_or_has_none(rule):
    placed = [emotion for emotions in SPACES[rule].values() for emotion in emotions]
    assert len(placed) == len(set(placed))
    assert set(placed) | set(AMBIGUOUS[rule]) <= set(CANONICAL)
    assert not set(placed) & set(AMBIGUOUS[rule])
    outside = set(CANONICAL) - set(placed) - set(AMBIGUOUS[rule])
    assert outside == {"depressed", "healthy"} | ({"neutral"} if rule == "quadrants" else set())


def test_an_ambiguous_word_is_refused_with_the_line_that_settles_it():
    given = {"nemo": table("anger", "happiness", "neutral", "surprised")}
    with pytest.raises(UserError) as caught:
        map_labels(given, "valence")
    message = str(caught.value)
    assert "'surprised', which is ambiguous: a surprise is pleasant or unpleasant" in message
    assert "relabel: {anger: anger, happiness: happiness, neutral: neutral}" in message
    settled = {"nemo": table("anger", "happiness", "positive")}  # what relabel: {surprised: positive} gives
    assert map_labels(settled, "valence")[0]["nemo"]["label"].to_list() == ["negative", "positive", "positive"]


@pytest.mark.parametrize(("rule", "words"), [("valence", ("HC", "MDD")), ("quadrants", ("happy", "neutral"))])
def test_a_space_that_leaves_a_corpus_fewer_than_two_classes_is_refused(rule, words):
    with pytest.raises(UserError, match=rf"labels: {rule} leaves corpus 'c' .*expected at least 2 classes"):
        map_labels({"c": table(*words)}, rule)


def test_nothing_is_said_of_a_corpus_that_is_left_as_it_is():
    assert coverage_lines(map_labels({"a": table("x", "y")}, "as_is")[1]) == []


def test_what_relabel_leaves_out_is_told():
    coverage = {"rule": "as_is", "corpora": {}, "relabelled": {"a": {"as": {"sad": "MDD"}, "left_out": {"joy": 97}}}}
    assert coverage_lines(coverage) == ["relabel: a: sad -> MDD; leaves out joy 97"]
