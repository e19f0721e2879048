"""Regret and rank correlation of criteria, against scipy and by hand."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import kendalltau, spearmanr

from transfer.evaluation.validator_report import judge, report_table, summarise_judgements

TRUTH = [0.3, 0.5, 0.7, 0.6]


def test_regret_is_what_the_choice_costs_and_the_first_of_equals_is_chosen():
    judged = judge(pd.DataFrame({"good": [0, 1, 3, 2], "bad": [9, 1, 2, 3], "equal": [1, 1, 0, 1]}), TRUTH)
    assert judged["good"]["regret"] == 0
    assert judged["bad"]["regret"] == pytest.approx(0.4)
    assert (judged["equal"]["epoch"], judged["equal"]["picked"]) == (1, 0.3)


def test_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    truth, score = rng.random(20), rng.integers(0, 5, 20).astype(float)
    judged = judge(pd.DataFrame({"a": score}), truth)["a"]
    assert judged["spearman"] == pytest.approx(spearmanr(score, truth).statistic)
    assert judged["kendall"] == pytest.approx(kendalltau(score, truth).statistic)


def test_what_never_changes_has_no_rank_and_what_is_missing_is_left_out():
    judged = judge(
        pd.DataFrame({"flat": [1.0] * 4, "holes": [math.nan, 2, 3, math.nan], "none": [math.nan] * 4}), TRUTH
    )
    assert math.isnan(judged["flat"]["spearman"])
    assert (judged["holes"]["epoch"], judged["holes"]["regret"]) == (3, 0)
    assert math.isnan(judged["none"]["regret"])
    with pytest.raises(ValueError, match="4 rows of scores and 2 true"):
        judge(pd.DataFrame({"a": [1] * 4}), [0.1, 0.2])


def test_runs_are_summarised_by_mean_and_range_best_first():
    run = {"regret": 0.1, "spearman": 0.5, "kendall": 0.4}
    found = summarise_judgements(
        [{"a": run, "b": run | {"regret": 0.0}}, {"a": run | {"regret": 0.3, "spearman": math.nan}}]
    )
    assert list(found) == ["b", "a"]
    assert found["a"]["regret"] == {"mean": pytest.approx(0.2), "min": 0.1, "max": 0.3}
    assert found["a"]["spearman"]["mean"] == 0.5
    assert found["b"]["runs"] == 1


def test_the_table_fits_eighty_columns_and_counts_runs():
    figures = {figure: {"mean": -0.123, "min": -0.95, "max": -0.05} for figure in ("regret", "spearman", "kendall")}
    figures["regret"] = {"mean": 0.123, "min": 0.05, "max": 0.95}
    file = io.StringIO()
    names = ("nearest_source_l2", "snd")
    table = report_table({name: {"tag": name, "runs": i + 1, **figures} for i, name in enumerate(names)})
    Console(file=file, width=100).print(table)
    assert "nearest_source_l2 (1 of 2)" in file.getvalue()
    file = io.StringIO()
    Console(file=file, width=80).print(report_table({names[0]: {"tag": "x", "runs": 2, **figures}}))
    assert "0.123 [0.05, 0.95]" in file.getvalue()
    assert "…" not in file.getvalue()
