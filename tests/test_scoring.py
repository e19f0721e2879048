"""How a run is scored: what validation chooses, when it may, and that the test part has no say."""

import numpy as np
import pandas as pd
import pytest

from transfer.errors import RecipeError, UserError
from transfer.recipe import Recipe
from transfer.scoring import check_scoring, score_parts

PLAIN = {"name": "t", "strategy": {"name": "scratch"}, "target": {"corpus": "modma"}}


def recipe(by="target_validation", **evaluation):
    return Recipe.model_validate({**PLAIN, "selection": {"by": by}, "evaluation": evaluation})


def make(part, seed, subjects=12, slices=5, *, loud=False):
    """Return a prediction table; where loud, one slice a subject shouts the wrong class, so that votes decide better."""
    rng = np.random.default_rng(seed)
    subject, piece = np.divmod(np.arange(subjects * slices), slices)
    truth = subject % 2
    p = np.where(truth == 1, 0.6, 0.4) + rng.normal(0, 0.03, len(truth))
    p = np.where(loud & (piece == 0), 1.0 - truth, p)
    return pd.DataFrame({"p_HC": 1 - p, "p_MDD": p}).assign(
        corpus="modma",
        part=part,
        slice=piece,
        recording="r",
        subject=[f"{part}{i}" for i in subject],
        truth=np.array(["HC", "MDD"])[truth],
    )


def test_votes_are_taken_where_validation_decides_better_by_them():
    tables = {"valid": make("valid", 0, loud=True), "test": make("test", 1, loud=True)}
    metrics, how = score_parts(recipe(), tables)
    assert (how["rule"], how["rule_chosen_on"]) == ("vote", "target validation")
    assert metrics["test"]["subject"]["rule"] == metrics["valid"]["subject"]["rule"] == "vote"
    assert metrics["test"]["subject"]["uar"] == 1.0
    fixed, how = score_parts(recipe(aggregation="mean"), tables)
    assert (how["rule"], how["rule_chosen_on"]) == ("mean", None)
    assert fixed["test"]["subject"]["uar"] < 1.0


def test_the_mean_is_kept_where_votes_are_no_better_or_there_is_no_validation():
    even = {"valid": make("valid", 0), "test": make("test", 1, loud=True)}
    assert score_parts(recipe(), even)[1]["rule"] == "mean"
    metrics, how = score_parts(recipe(), {"valid": even["valid"].iloc[:0], "test": even["test"]})
    assert (how["rule"], how["rule_chosen_on"], how["thresholds"]) == ("mean", None, {})
    assert set(metrics) == {"test"}


@pytest.mark.parametrize("by", ["last", "snd"])
def test_validation_labels_are_not_looked_at_where_the_run_says_it_has_not(by):
    tables = {"valid": make("valid", 0, loud=True), "test": make("test", 1, loud=True)}
    metrics, how = score_parts(recipe(by), tables)
    assert (how["rule"], how["rule_chosen_on"], how["thresholds"]) == ("mean", None, {})
    assert "operating_point" not in metrics["test"]["subject"]
    other = {**tables, "valid": tables["valid"].assign(truth=tables["valid"]["truth"].map({"HC": "MDD", "MDD": "HC"}))}
    assert score_parts(recipe(by), other)[0]["test"] == metrics["test"]


@pytest.mark.parametrize("seed", range(2))
def test_the_operating_point_never_looks_at_test_labels(seed):
    tables = {"valid": make("valid", 0), "test": make("test", 1)}
    metrics, how = score_parts(recipe(operating_point={"sensitivity": 0.8}), tables)
    subjects = tables["test"]["subject"].unique()
    truths = np.random.default_rng(seed).permutation(["HC", "MDD"] * (len(subjects) // 2))
    permuted = tables["test"].assign(truth=tables["test"]["subject"].map(dict(zip(subjects, truths, strict=True))))
    other, same = score_parts(recipe(operating_point={"sensitivity": 0.8}), {**tables, "test": permuted})
    assert same == how
    assert set(how["thresholds"]) == {"slice", "recording", "subject"}
    for level, threshold in how["thresholds"].items():
        assert other["test"][level]["operating_point"]["threshold"] == threshold
    assert other["test"]["subject"]["operating_point"] != metrics["test"]["subject"]["operating_point"]
    assert "operating_point" not in metrics["valid"]["subject"], "scored where it was chosen, it would be too good"


def test_what_the_recipe_asks_for_is_what_is_told():
    tables = {"valid": make("valid", 0), "test": make("test", 1)}
    metrics, how = score_parts(recipe(operating_point=None, prevalence=0.05), tables)
    assert how["thresholds_chosen_on"] is None
    assert metrics["test"]["recording"]["prevalence"] == how["prevalence"] == 0.05
    asked = score_parts(recipe(operating_point={"sensitivity": 0.9}), tables)[0]["test"]["subject"]["operating_point"]
    assert asked["criterion"] == "sensitivity of at least 0.9"


@pytest.mark.parametrize(
    ("evaluation", "field"),
    [({"prevalence": 0.1}, "prevalence"), ({"operating_point": {"sensitivity": 0.8}}, "operating_point")],
)
def test_figures_of_two_classes_are_refused_for_more(evaluation, field):
    check_scoring(recipe(**evaluation), ["HC", "MDD"])
    check_scoring(recipe(), ["a", "b", "c"])
    with pytest.raises(RecipeError, match=f"evaluation.{field} is about two classes, and modma has 3: a, b, c"):
        check_scoring(recipe(**evaluation), ["a", "b", "c"])


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(UserError, match="did you mean 'MDD'"):
        check_scoring(Recipe.model_validate({**PLAIN, "positive": "MD"}), ["HC", "MDD"])
