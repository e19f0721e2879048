"""A comparison from prediction tables alone: what is ranked, what is set apart, what is missing, and what is said."""

import functools
import json
import os
import time

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference

from transfer.errors import UserError
from transfer.evaluation.bootstrap import bootstrap_interval
from transfer.evaluation.comparison import compare_runs
from transfer.evaluation.levels import evaluate
from transfer.evaluation.paired_tests import holm

from .made_runs import compare, rows, run, table, three


@functools.cache
def usual():
    """Return the comparison of three seeds of three systems, made once."""
    return compare(three(3))


def test_the_result_is_json_and_has_every_key_of_the_contract():
    result = usual()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) >= {
        *("metric", "level", "baseline", "alpha", "chance", "subjects", "systems", "pairs", "critical_difference"),
        *("warnings", "failures"),
    }
    assert (result["metric"], result["level"], result["baseline"]) == ("uar", "subject", "scratch")
    assert (result["chance"], result["subjects"], result["failures"]) == (0.5, 16, [])
    assert set(result["systems"][0]) >= {
        *("name", "strategy", "role", "rank", "marks", "runs", "seeds", "folds", "score", "interval", "seed_std"),
        *("scores", "confusion", "per_class", "subgroups", "gain", "sentence", "train_seconds", "parameters"),
        *("reported", "target_labels", "selected_by"),
    }
    assert len(result["pairs"]) == 3
    assert set(result["pairs"][0]) == {
        *("a", "b", "difference", "interval", "p_permutation", "p_ttest", "p_wilcoxon", "p_holm", "effect", "n_pairs")
    }


def test_a_score_is_the_mean_over_seeds_of_the_metric_at_each_level():
    runs = [run("mmd", seed, 0.5) for seed in range(3)]
    found = rows(compare(runs))["mmd"]
    tables = [r.predictions for r in runs]
    for level, keys in {
        "slice": ["subject", "slice"],
        "recording": ["subject", "recording"],
        "subject": ["subject"],
    }.items():
        units = [t.groupby([*keys, "truth"])[["p_HC", "p_MDD"]].mean().reset_index() for t in tables]
        expected = [reference.balanced_accuracy_score(u["truth"] == "MDD", u["p_MDD"] > u["p_HC"]) for u in units]
        assert found["scores"][level]["uar"] == pytest.approx(np.mean(expected))
        auc = [reference.roc_auc_score(u["truth"] == "MDD", u["p_MDD"]) for u in units]
        assert found["scores"][level]["auc"] == pytest.approx(np.mean(auc))
        low, high = found["scores"][level]["uar_ci"]
        assert low <= found["scores"][level]["uar"] <= high
    assert found["score"] == found["scores"]["subject"]["uar"]
    assert found["seed_std"] == pytest.approx(np.std(expected, ddof=1))
    assert np.sum(found["confusion"]["counts"]) == 3 * 16


def test_one_seed_has_the_scores_and_intervals_that_its_run_states():
    only = run("mmd")
    found = compare([only], draws=2000)["systems"][0]
    stated = evaluate(only.predictions)
    for level in ("slice", "recording", "subject"):
        assert found["scores"][level]["uar"] == pytest.approx(stated[level]["uar"])
    assert found["interval"] == pytest.approx(stated["subject"]["uar_ci"])
    assert tuple(found["interval"]) == pytest.approx(bootstrap_interval(only.predictions, "uar", level="subject"))
    assert found["confusion"] == stated["subject"]["confusion"]
    assert found["per_class"] == stated["subject"]["per_class"]


def test_speakers_of_several_emotions_are_judged_by_recording():
    tables = [table(0.5 * i, i, classes=("a", "b", "c"), several=True) for i in range(2)]
    result = compare([run(name, predictions=t) for name, t in zip(("scratch", "mmd"), tables, strict=True)], draws=100)
    assert result["level"] == "recording"
    assert result["chance"] == pytest.approx(1 / 3)
    by_subject = compare([run("mmd", predictions=tables[1])], level="subject")["systems"][0]
    assert by_subject["score"] == pytest.approx(evaluate(tables[1])["subject"]["uar"])


def test_gains_have_verdicts_and_sentences():
    result = usual()
    found = rows(result)
    assert [row["rank"] for row in result["systems"]] == [1, 2, 3]
    assert found["better"]["gain"]["verdict"] == "positive"
    assert found["better"]["sentence"].endswith("16 subjects, 3 seeds): positive.")
    assert found["mmd"]["gain"]["verdict"] == "inconclusive"
    assert found["scratch"]["gain"] is None
    assert found["scratch"]["sentence"] == "scratch is the baseline: gains are measured against it."
    gains = [found[name]["gain"] for name in ("better", "mmd")]
    assert [g["p_holm"] for g in gains] == pytest.approx(holm([g["p"] for g in gains]))


def test_negative_transfer_is_warned_of():
    result = compare(three(1), baseline="better")
    assert rows(result)["mmd"]["gain"]["verdict"] == "negative"
    assert any(w.startswith("negative transfer: mmd scores") for w in result["warnings"])
    assert not any("scratch scores" in w for w in result["warnings"])  # a control is meant to be beaten


def test_pairs_and_gains_agree_whoever_comes_first():
    result = usual()
    found = rows(result)
    for pair in result["pairs"]:
        assert pair["difference"] == pytest.approx(found[pair["a"]]["score"] - found[pair["b"]]["score"])
        assert pair["difference"] >= 0
    (pair,) = (p for p in result["pairs"] if {p["a"], p["b"]} == {"scratch", "mmd"})
    sign = 1 if pair["a"] == "mmd" else -1
    gain = found["mmd"]["gain"]
    assert sign * pair["difference"] == pytest.approx(gain["value"])
    assert sorted(sign * end for end in pair["interval"]) == pytest.approx(gain["interval"])
    assert pair["p_permutation"] == gain["p"]
    corrected = holm([p["p_permutation"] for p in result["pairs"]])
    assert [p["p_holm"] for p in result["pairs"]] == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("summary", "mark"),
    [({"leakage": {"accepted": ["speaker"]}}, "leaking"), ({"selection": {"tag": "oracle"}}, "oracle-selected")],
)
def test_what_is_dishonest_is_listed_after_the_honest_without_a_rank(summary, mark):
    result = compare(three(better=summary))
    assert [row["rank"] for row in result["systems"]] == [1, 2, None]
    last = result["systems"][-1]
    assert (last["name"], last["marks"]) == ("better", [mark])
    assert "not a result to report" in last["sentence"]
    baseline = compare(three(1, scratch=summary)[:2])
    assert f"gains are measured against scratch, which is {mark}" in baseline["warnings"]


def test_equal_scores_share_their_rank():
    same = table(1.0, 0)
    result = compare([run(name, predictions=same) for name in ("b", "a")] + [run("worst", skill=-3.0)])
    assert [(row["name"], row["rank"]) for row in result["systems"]] == [("a", 1), ("b", 1), ("worst", 3)]
    assert "no scratch among the systems: there are no gains" in result["warnings"]
    assert result["baseline"] is None
    twins = result["pairs"][0]
    assert (twins["difference"], twins["p_permutation"], twins["effect"]) == (0, 1, 0)
    assert twins["interval"][0] < 0 < twins["interval"][1]


def test_nothing_in_common_is_no_gain_and_no_pair():
    result = compare([run("scratch", 0), run("mmd", 1)])
    assert result["pairs"] == []
    assert rows(result)["mmd"]["gain"] is None
    assert "nothing in common" in rows(result)["mmd"]["sentence"]


def test_seeds_that_contradict_a_verdict_are_named():
    skills = {"scratch": (*[-3.0] * 7, 1.0), "mmd": (*[4.0] * 7, 0.5), "better": (4.0,) * 8}
    result = compare([run(name, k, skill) for name, own in skills.items() for k, skill in enumerate(own)])
    assert rows(result)["mmd"]["gain"]["verdict"] == "positive"
    assert [w.split(" on")[0] for w in result["warnings"]] == ["the seeds of mmd disagree"]


def test_the_rule_that_validation_chose_decides():
    said = {"metrics": {"test": {"recording": {"rule": "vote"}}}}
    voted = rows(compare([run("mmd", **said)], draws=10))["mmd"]["scores"]["subject"]["uar"]
    assert voted == pytest.approx(evaluate(run("mmd").predictions, rule="vote", draws=10)["subject"]["uar"])


def test_only_the_test_part_counts():
    whole = run("mmd").predictions
    valid = whole.assign(part="valid", subject=whole["subject"] + "v", p_HC=1.0, p_MDD=0.0)
    both = compare([run("mmd", predictions=pd.concat([valid, whole]))], draws=10)
    assert both == compare([run("mmd")], draws=10)


def test_a_comparison_repeats_and_its_draws_have_a_seed():
    runs = three(1)[:2]
    first = compare(runs)
    assert first == compare(runs[::-1])
    assert first["pairs"] != compare(runs, seed=1)["pairs"]
    (row,) = (row for row in compare(runs, alpha=0.01)["systems"] if row["gain"])
    wide, narrow = row["gain"]["interval"], rows(first)["mmd"]["gain"]["interval"]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("runs", "options", "said"),
    [
        ([], {}, "no finished runs"),
        ([run("mmd"), run("mmd")], {}, "two runs of mmd, seed 0"),
        ([run("mmd"), run("ae", predictions=run("ae").predictions.assign(corpus="d"))], {}, "compare runs of one"),
        ([run("mmd", predictions=table(1, 0).assign(part="valid"))], {}, "no predictions of the test part"),
        ([run("mmd")], {"metric": "uarr"}, "did you mean 'uar'"),
        ([run("mmd")], {"metric": "brier"}, "better the smaller"),
        ([run("mmd")], {"level": "speaker"}, "no level 'speaker'"),
        ([run("mmd", predictions=table(1, 0, classes=("a", "b", "c")))], {"metric": "auc"}, "two classes"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(runs, options, said):
    with pytest.raises(UserError, match=said):
        compare(runs, **options)


@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="a minute; set TRANSFER_SLOW=1")
@pytest.mark.slow
def test_seven_systems_of_three_seeds_take_seconds():
    runs = [
        run(f"m{i}", k, predictions=table(0.2 * i, 9 * i + k, subjects=52, slices=67))
        for i in range(7)
        for k in range(3)
    ]
    start = time.process_time()
    compare_runs(runs)
    assert time.process_time() - start < 10
