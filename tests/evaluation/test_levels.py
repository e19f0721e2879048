"""Scores at three levels, against scikit-learn on groups made by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.evaluation import bootstrap_interval, evaluate
from transfer.evaluation.calibration import calibration_error
from transfer.evaluation.levels import ONE_DECISION, PER_SUBJECT_MEAN


def make(subjects=8, recordings=4, slices=3, classes=("HC", "MDD"), *, several_truths=False, seed=0):
    """Return a random prediction table."""
    rng = np.random.default_rng(seed)
    n = subjects * recordings * slices
    subject, rest = np.divmod(np.arange(n), recordings * slices)
    recording, piece = np.divmod(rest, slices)
    truth = (recording if several_truths else subject) % len(classes)
    p = rng.dirichlet(np.ones(len(classes)), n) * 0.7 + 0.3 * np.eye(len(classes))[truth]
    return pd.DataFrame(p, columns=[f"p_{name}" for name in classes]).assign(
        corpus="c",
        part="test",
        slice=piece,
        recording=[f"{i:02}" for i in recording],
        subject=[f"s{i}" for i in subject],
        truth=np.array(classes)[truth],
    )


@pytest.mark.parametrize(
    ("level", "keys", "n"),
    [
        ("slice", ["subject", "recording", "slice"], 96),
        ("recording", ["subject", "recording"], 32),
        ("subject", ["subject"], 8),
    ],
)
def test_scores_of_two_classes_equal_those_of_scikit_learn(level, keys, n):
    table = make()
    units = table.groupby([*keys, "truth"])[["p_HC", "p_MDD"]].mean().reset_index()
    decided = np.where(units["p_MDD"] > units["p_HC"], "MDD", "HC")
    truth, score = units["truth"], units["p_MDD"]
    scores = evaluate(table, draws=50)[level]
    assert scores["n"] == n
    assert scores["subjects"] == 8
    assert scores["chance"] == 0.5
    assert scores["positive"] == "MDD"
    expected = {
        "uar": reference.balanced_accuracy_score(truth, decided),
        "accuracy": reference.accuracy_score(truth, decided),
        "macro_f1": reference.f1_score(truth, decided, average="macro"),
        "sensitivity": reference.recall_score(truth, decided, pos_label="MDD"),
        "specificity": reference.recall_score(truth, decided, pos_label="HC"),
        "auc": reference.roc_auc_score(truth == "MDD", score),
        "pr_auc": reference.average_precision_score(truth == "MDD", score),
        "brier": reference.brier_score_loss(truth == "MDD", score),
        "ece": calibration_error(score, truth == "MDD"),
        "ppv": reference.precision_score(truth, decided, pos_label="MDD"),
        "npv": reference.precision_score(truth, decided, pos_label="HC"),
        "prevalence": (truth == "MDD").mean(),
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected)
    report = reference.classification_report(truth, decided, output_dict=True)
    for name in ("HC", "MDD"):
        for ours, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert scores["per_class"][name][ours] == pytest.approx(report[name][theirs])
    assert scores["confusion"]["labels"] == ["HC", "MDD"]
    assert scores["confusion"]["counts"] == reference.confusion_matrix(truth, decided, labels=["HC", "MDD"]).tolist()


def test_intervals_are_those_of_the_bootstrap():
    table = make()
    scores = evaluate(table, draws=50, seed=4)
    for level in ("slice", "recording", "subject"):
        for metric in ("uar", "accuracy", "macro_f1", "sensitivity", "specificity", "auc", "pr_auc"):
            expected = bootstrap_interval(table, metric, level=level, draws=50, seed=4)
            assert scores[level][f"{metric}_ci"] == list(expected)


def test_subject_level_of_emotion_corpora_is_the_mean_of_the_speakers_own_scores():
    table = make(classes=("a", "b", "c"), recordings=7, several_truths=True)
    scores = evaluate(table, draws=50)["subject"]
    own = [evaluate(rows, draws=50)["recording"] for _, rows in table.groupby("subject")]
    for metric in ("uar", "accuracy", "macro_f1"):
        assert scores[metric] == pytest.approx(np.mean([score[metric] for score in own]))
    assert scores["definition"] == PER_SUBJECT_MEAN
    assert scores["n"] == 8
    assert scores["chance"] == pytest.approx(1 / 3)
    assert not {"confusion", "ece", "prevalence", "auc_ci"} & set(scores)
    assert evaluate(make(), draws=50)["subject"]["definition"] == ONE_DECISION


def test_a_speaker_whose_own_score_is_not_defined_is_left_out_of_the_mean():
    table = make(classes=("a", "b"), several_truths=True)
    table = table[(table["subject"] != "s0") | (table["truth"] == "a")]  # no AUC for s0
    own = [evaluate(rows, draws=50)["recording"]["auc"] for _, rows in table.groupby("subject")]
    assert own[0] is None
    assert evaluate(table, draws=50)["subject"]["auc"] == pytest.approx(np.mean(own[1:]))


def test_every_speaker_counts_the_same_at_subject_level():
    table = make(classes=("a", "b"), recordings=4, several_truths=True)
    more = table[table["subject"] == "s0"].assign(recording=lambda t: "x" + t["recording"])
    heavy = evaluate(pd.concat([table, more]), draws=50)
    assert heavy["subject"]["uar"] == pytest.approx(evaluate(table, draws=50)["subject"]["uar"])
    assert heavy["recording"]["uar"] != pytest.approx(evaluate(table, draws=50)["recording"]["uar"])


def test_the_positive_class_can_be_named_and_turns_the_scores_round():
    there, back = evaluate(make(), draws=50)["slice"], evaluate(make(), draws=50, positive="HC")["slice"]
    assert (there["sensitivity"], there["auc"]) == (back["specificity"], pytest.approx(back["auc"]))
    assert back["positive"] == "HC"


def test_predictive_values_are_told_for_the_prevalence_that_is_stated():
    here, there = evaluate(make(), draws=50)["slice"], evaluate(make(), draws=50, prevalence=0.05)["slice"]
    assert there["prevalence"] == 0.05
    assert there["ppv"] < here["ppv"]
    a, b = there["sensitivity"], there["specificity"]
    assert there["ppv"] == pytest.approx(a * 0.05 / (a * 0.05 + (1 - b) * 0.95))
    assert {name: there[name] for name in ("uar", "auc", "ece")} == {name: here[name] for name in ("uar", "auc", "ece")}


def test_more_than_two_classes_have_brier_and_the_calibration_of_the_confidence():
    table = make(classes=("a", "b", "c"), subjects=9)
    scores = evaluate(table, draws=50)
    p, truth = table[["p_a", "p_b", "p_c"]].to_numpy(), table["truth"]
    assert scores["slice"]["brier"] == pytest.approx(reference.brier_score_loss(truth, p, scale_by_half=False))
    decided = np.array(["a", "b", "c"])[p.argmax(axis=1)]
    assert scores["slice"]["ece"] == pytest.approx(calibration_error(p.max(axis=1), decided == truth))
    assert not {"auc", "pr_auc", "ppv", "sensitivity"} & set(scores["subject"])


def test_the_order_of_rows_changes_nothing():
    table = make(seed=5).assign(sex=lambda t: np.where(t["subject"] < "s4", "f", "m"))
    shuffled = table.sample(frac=1, random_state=0)
    there, back = evaluate(table, draws=50), evaluate(shuffled, draws=50)
    for level, scores in there.items():
        for name, value in scores.items():
            assert back[level][name] == (pytest.approx(value) if isinstance(value, float | list) else value)


def test_votes_and_means_can_differ():
    table = make(seed=3)
    assert (
        evaluate(table, draws=50)["recording"]["brier"] != evaluate(table, draws=50, rule="vote")["recording"]["brier"]
    )


def test_what_is_not_defined_is_none_and_the_result_is_strict_json():
    table = make()
    table = table[table["truth"] == "HC"].assign(p_HC=0.9, p_MDD=0.1)
    scores = evaluate(table, draws=50)
    for level in ("slice", "recording", "subject"):
        assert scores[level]["sensitivity"] is None
        assert scores[level]["auc"] is None
        assert scores[level]["per_class"]["MDD"]["precision"] is None
        assert scores[level]["uar"] == 1.0
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@pytest.mark.parametrize("column", ["part", "corpus"])
def test_parts_and_corpora_are_not_mixed(column):
    table = pd.concat([make(), make().assign(**{column: "other"})])
    with pytest.raises(UserError, match=f"mixes {column}s .*'other'"):
        evaluate(table)


@settings(max_examples=5, deadline=None)
@given(shuffled=st.randoms(use_true_random=False), several=st.booleans())
def test_scores_and_intervals_do_not_depend_on_the_order_of_rows(shuffled, several):
    table = make(4, 2, 2, several_truths=several)
    order = list(range(len(table)))
    shuffled.shuffle(order)
    one, other = (pd.json_normalize(evaluate(t, draws=20)) for t in (table, table.iloc[order].reset_index(drop=True)))
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-12)
