"""Subgroups: values of constructed tables, who is not scored, and whether the gap's interval covers."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference

from transfer.evaluation import evaluate
from transfer.evaluation.subgroups import _names, age_band, subgroup_scores


def make(groups, *, attribute="sex", classes=("HC", "MDD"), seed=None):
    """Return one slice a subject: group -> (subjects a class, share decided right)."""
    rng, rows = np.random.default_rng(seed), []
    for name, (n, share) in groups.items():
        for truth in classes:
            right = np.arange(n) < round(n * share) if seed is None else rng.random(n) < share
            for i, r in enumerate(right):
                decided = truth if r else classes[classes.index(truth) - 1]
                p = {f"p_{c}": 0.9 if c == decided else 0.1 / (len(classes) - 1) for c in classes}
                rows.append({"subject": f"{name}{truth}{i}", "truth": truth, attribute: name, **p})
    return pd.DataFrame(rows).assign(corpus="c", part="test", slice=0, recording="r")


def test_the_gap_of_a_constructed_table_is_known():
    found = subgroup_scores(make({"female": (10, 0.9), "male": (20, 0.6)}))["sex"]
    assert found["level"] == "subject"
    assert {name: (one["n"], one["subjects"]) for name, one in found["groups"].items()} == {
        "female": (20, 20),
        "male": (40, 40),
    }
    gap = found["gaps"]["uar"]
    assert gap["value"] == pytest.approx(0.3)
    assert (gap["highest"], gap["lowest"]) == ("female", "male")
    assert gap["interval"][0] < 0.3 < gap["interval"][1]
    assert found["not_scored"] == {}


def test_groups_are_scored_like_tables_of_their_own():
    rng = np.random.default_rng(0)
    table = make({"f": (8, 0.8), "m": (9, 0.6)})
    table = pd.concat([table.assign(slice=i) for i in range(3)], ignore_index=True)
    p = np.clip(table["p_MDD"] + rng.normal(0, 0.4, len(table)), 0, 1)
    table = table.assign(p_HC=1 - p, p_MDD=p)
    for name, one in subgroup_scores(table, draws=50, seed=3)["sex"]["groups"].items():
        own = evaluate(table[table["sex"] == name], draws=50, seed=3)["subject"]
        for metric in ("uar", "sensitivity", "specificity", "uar_ci", "sensitivity_ci"):
            assert one[metric] == own[metric]
        units = table[table["sex"] == name].groupby(["subject", "truth"])["p_MDD"].mean().reset_index()
        decided = np.where(units["p_MDD"] > 0.5, "MDD", "HC")
        assert one["uar"] == pytest.approx(reference.balanced_accuracy_score(units["truth"], decided))


def test_emotion_corpora_are_scored_by_recording_without_rates_of_two_classes():
    classes = ("anger", "fear", "joy")
    table = make({"f": (6, 1.0), "m": (6, 0.5)}, classes=classes)
    table["subject"] = table["sex"] + table["subject"].str[-1]  # each speaker plays every emotion
    table["recording"] = table["truth"]
    found = subgroup_scores(table, draws=50)["sex"]
    assert found["level"] == "recording"
    assert set(found["gaps"]) == {"uar"}
    assert found["gaps"]["uar"]["value"] == pytest.approx(0.5)
    assert found["groups"]["f"]["subjects"] == 6
    assert found["groups"]["f"]["n"] == 18


def test_a_group_too_small_or_without_a_class_is_told_and_not_scored():
    table = make({"female": (6, 0.9), "male": (6, 0.6), "other": (1, 1.0), "": (3, 1.0), "x": (8, 1.0)})
    table = table[(table["sex"] != "x") | (table["truth"] == "HC")]
    found = subgroup_scores(table, draws=50)["sex"]
    assert set(found["groups"]) == {"female", "male"}
    assert found["not_scored"] == {"not known": "6 subjects", "other": "2 subjects of 5", "x": "nobody is MDD"}
    alone = subgroup_scores(make({"female": (6, 0.9), "male": (2, 0.6)}), draws=50)["sex"]
    assert (set(alone["groups"]), alone["gaps"]) == ({"female"}, {})
    assert set(subgroup_scores(make({"female": (6, 0.9), "male": (2, 0.6)}), least=4, draws=50)["sex"]["gaps"]) == {
        "uar",
        "sensitivity",
        "specificity",
    }


def test_subgroups_stand_at_the_level_that_is_decided_about_where_there_are_any():
    table = make({"female": (6, 0.9), "male": (6, 0.6)})
    scores = evaluate(table, draws=50)
    assert scores["subject"]["subgroups"] == subgroup_scores(table, draws=50)
    assert "subgroups" not in scores["slice"]
    for nothing in (table.drop(columns="sex"), table.assign(sex="female"), table.assign(sex=["", "female"] * 12)):
        assert "subgroups" not in evaluate(nothing, draws=50)["subject"]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_ages_in_years_are_put_into_bands():
    table = make({25.0: (6, 0.9), 29.5: (6, 0.9), 61.0: (6, 0.5), np.nan: (3, 1.0)}, attribute="age")
    found = subgroup_scores(table, draws=50)["age"]
    assert {name: one["subjects"] for name, one in found["groups"].items()} == {"20-29": 24, "60-69": 12}
    assert found["not_scored"] == {"not known": "6 subjects"}
    assert [age_band(x) for x in (0, 9.99, 10, 79, 80, 101, -1)] == ["0-9", "0-9", "10-19", "70-79", "80+", "80+", ""]


def test_an_attribute_that_is_known_of_nobody_is_no_group():
    table = make({"female": (6, 0.9), "male": (6, 0.5)}).assign(language=np.nan)
    assert set(subgroup_scores(table)) == {"sex"}


def test_the_order_of_rows_changes_nothing():
    table = make({"f": (8, 0.8), "m": (9, 0.6)}, seed=1)
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    assert subgroup_scores(shuffled, draws=50) == subgroup_scores(table, draws=50)


def test_of_many_groups_the_two_farthest_apart_get_a_wider_interval():
    two = {"a": (10, 0.9), "c": (10, 0.5)}
    narrow = subgroup_scores(make(two, attribute="language"), draws=500)["language"]["gaps"]["uar"]
    wide = subgroup_scores(make({**two, "b": (10, 0.7)}, attribute="language"), draws=500)["language"]["gaps"]["uar"]
    assert (wide["highest"], wide["lowest"], wide["value"]) == ("a", "c", narrow["value"])
    assert wide["interval"][0] < narrow["interval"][0]
    assert wide["interval"][1] > narrow["interval"][1]


MINUTES = [pytest.mark.slow, pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="set TRANSFER_SLOW=1")]


@pytest.mark.parametrize(("runs", "least"), [(25, 0.8), pytest.param(200, 0.9, marks=MINUTES)])
def test_the_interval_covers_the_true_gap(runs, least):
    covered = 0
    for seed in range(runs):
        table = make({"f": (15, 0.85), "m": (20, 0.65)}, seed=seed)
        gap = subgroup_scores(table, draws=1000)["sex"]["gaps"]["uar"]
        sign = 1 if gap["highest"] == "f" else -1
        covered += gap["interval"][0] <= sign * 0.2 <= gap["interval"][1]
    assert least <= covered / runs


def test_an_attribute_that_nobody_has_makes_no_group():
    table = pd.DataFrame({"sex": [float("nan")] * 3})
    assert _names(table, "sex").to_list() == ["", "", ""]
