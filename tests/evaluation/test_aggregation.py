"""How slices become decisions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.evaluation.aggregation import (
    aggregate,
    choose_rule,
    decided_units,
    decision_level,
    one_truth_per_subject,
)
from transfer.evaluation.predictions import probabilities, validate_predictions


def make(subjects=4, recordings=3, slices=2, classes=("HC", "MDD"), *, several_truths=False, seed=0):
    """Return a random prediction table."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(subjects):
        for r in range(recordings):
            truth = classes[(r if several_truths else s) % len(classes)]
            for i in range(slices):
                row = {"corpus": "modma", "part": "test", "slice": i, "recording": f"{r:02}", "subject": f"s{s}"}
                p = rng.dirichlet(np.ones(len(classes)))
                rows.append({**row, "truth": truth, **{f"p_{name}": p[k] for k, name in enumerate(classes)}})
    return pd.DataFrame(rows)


def test_two_subjects_may_have_recordings_of_the_same_name():
    table = make(subjects=2, recordings=1, slices=1)
    assert table["recording"].nunique() == 1
    assert len(aggregate(validate_predictions(table), "recording")) == 2


def test_slices_are_the_table_itself():
    table = validate_predictions(make())
    pd.testing.assert_frame_equal(aggregate(table, "slice"), table)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), slices=st.integers(1, 4), level=st.sampled_from(["recording", "subject"]))
def test_mean_is_the_mean_of_slices_whatever_their_order(seed, slices, level):
    table = make(slices=slices, seed=seed)
    result = aggregate(table.sample(frac=1, random_state=seed), level)
    for _, row in result.iterrows():
        own = table[table["subject"] == row["subject"]]
        if level == "recording":
            own = own[own["recording"] == row["recording"]]
        assert row["slices"] == len(own)
        np.testing.assert_allclose(row[["p_HC", "p_MDD"]].astype(float), own[["p_HC", "p_MDD"]].to_numpy().mean(axis=0))
    assert not result.duplicated(["subject", "recording"] if level == "recording" else ["subject"]).any()


def test_vote_counts_slices_and_the_mean_breaks_ties_only():
    table = make(subjects=2, recordings=1, slices=3).drop(index=5)
    table["p_MDD"] = [0.49, 0.49, 1.0, 0.4, 0.7]  # two votes to one against the mean; then a tie
    table["p_HC"] = 1 - table["p_MDD"]
    means, votes = aggregate(table, "recording"), aggregate(table, "recording", rule="vote")
    assert probabilities(means).argmax(axis=1).tolist() == [1, 1]
    assert probabilities(votes).argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(votes["p_HC"], [2 / 3, 1 / 2], atol=1e-6)
    np.testing.assert_allclose(probabilities(votes).sum(axis=1), 1)


def test_subjects_with_several_truths_have_no_subject_decision():
    table = make(several_truths=True)
    assert not one_truth_per_subject(table)
    assert one_truth_per_subject(make())
    with pytest.raises(UserError, match="several truths"):
        aggregate(table, "subject")


def test_the_subject_level_of_several_truths_is_made_of_recordings():
    for level, several, rows, per_subject in (
        ("subject", False, 4, False),
        ("subject", True, 12, True),
        ("recording", True, 12, False),
        ("slice", True, 24, False),
    ):
        units, flag = decided_units(make(several_truths=several), level)
        assert (len(units), flag) == (rows, per_subject)


def test_subjects_of_two_corpora_stay_apart():
    two = pd.concat([make(subjects=2), make(subjects=2).assign(corpus="other")])
    assert len(aggregate(two, "subject")) == 4


@pytest.mark.parametrize(("arguments", "message"), [(("clip", "mean"), "level"), (("recording", "mode"), "rule")])
def test_an_unknown_level_or_rule_is_refused(arguments, message):
    with pytest.raises(UserError, match=f"no {message}"):
        aggregate(make(), arguments[0], rule=arguments[1])


def loud(table):
    """Let one slice of each group shout a wrong class, and the others whisper the right one."""
    table = table.assign(p_MDD=np.where(table["truth"] == "MDD", 0.55, 0.45))
    first = table["slice"] == 0
    table.loc[first, "p_MDD"] = np.where(table.loc[first, "truth"] == "MDD", 0.0, 1.0)
    return table.assign(p_HC=1 - table["p_MDD"])


@pytest.mark.parametrize("several", [True, False])
def test_the_rule_is_the_one_that_validation_decides_better_by(several):
    table = loud(make(slices=5, several_truths=several))
    assert decision_level(table) == ("recording" if several else "subject")
    assert choose_rule(table) == "vote"
    assert choose_rule(table.sample(frac=1, random_state=0)) == "vote"
    sure = table.assign(p_MDD=np.where(table["truth"] == "MDD", 0.4, 0.6))
    one = sure["slice"] == 0
    sure.loc[one, "p_MDD"] = np.where(sure.loc[one, "truth"] == "MDD", 1.0, 0.0)
    assert choose_rule(sure.assign(p_HC=1 - sure["p_MDD"])) == "mean"


def test_of_equally_good_rules_the_mean_is_kept():
    right = make().assign(p_MDD=lambda t: np.where(t["truth"] == "MDD", 0.9, 0.1), p_HC=lambda t: 1 - t["p_MDD"])
    assert choose_rule(right) == "mean"
    assert choose_rule(right.rename(columns={"p_HC": "p_MDD", "p_MDD": "p_HC"})) == "mean"
