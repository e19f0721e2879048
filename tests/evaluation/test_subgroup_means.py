"""Subgroups of several seeds are means, with intervals that are wide enough."""

import numpy as np
import pandas as pd
import pytest

from transfer.evaluation.subgroup_means import mean_subgroups
from transfer.evaluation.subgroups import subgroup_scores


def table(seed, groups="mf", subjects=24):
    """Return random predictions of one recording a subject, with a sex."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, subjects)
    keys = {
        "corpus": "c",
        "part": "test",
        "slice": 0,
        "recording": "r",
        "subject": [f"s{i:02}" for i in range(subjects)],
    }
    sex = [groups[i // 2 % len(groups)] for i in range(subjects)]
    return pd.DataFrame({**keys, "truth": ["a", "b"] * (subjects // 2), "p_a": p, "p_b": 1 - p, "sex": sex})


def test_one_seed_is_what_its_run_says_and_the_same_seed_twice_is_too():
    said = subgroup_scores(table(0), draws=100)
    assert mean_subgroups([(table(0), "mean")], draws=100) == said
    twice = mean_subgroups([(table(0), "mean")] * 2, draws=100)
    for name, group in said["sex"]["groups"].items():
        assert {k: pytest.approx(v) for k, v in group.items()} == twice["sex"]["groups"][name]
    for metric, gap in said["sex"]["gaps"].items():
        assert twice["sex"]["gaps"][metric]["interval"] == pytest.approx(gap["interval"])


def test_values_are_means_and_the_gap_is_of_the_means():
    each = [subgroup_scores(table(i), draws=100)["sex"]["groups"] for i in (0, 1)]
    found = mean_subgroups([(table(i), "mean") for i in (0, 1)], draws=100)["sex"]
    for name in "mf":
        assert found["groups"][name]["uar"] == pytest.approx(np.mean([one[name]["uar"] for one in each]))
    assert found["gaps"]["uar"]["value"] == pytest.approx(
        abs(found["groups"]["m"]["uar"] - found["groups"]["f"]["uar"])
    )


def test_what_a_seed_could_not_score_is_left_out_and_said():
    few = table(1)
    few = few[(few["sex"] == "m") | (few["subject"] < "s04")]
    found = mean_subgroups([(table(0), "mean"), (few, "mean")], draws=100)["sex"]
    assert list(found["groups"]) == ["m"]
    assert set(found["not_scored"]) == {"f"}
    assert found["gaps"] == {}


def test_more_than_two_groups_have_a_gap_without_interval_and_no_groups_are_none():
    found = mean_subgroups([(table(i, "mfx", 30), "mean") for i in (0, 1)], draws=100)["sex"]["gaps"]["uar"]
    assert found["value"] >= 0
    assert found["interval"] is None
    plain = table(0).drop(columns="sex")
    assert mean_subgroups([(plain, "mean")] * 2) is None
    assert mean_subgroups([(plain, "mean")]) is None
