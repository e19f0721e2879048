"""Classical classifiers through the engine: a run of one is scikit-learn on the same features, and nothing else."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from transfer.errors import RecipeError
from transfer.experiment import check, run
from transfer.loading import load_recipe
from transfer.preparation import load, plan
from transfer.standins import with_standins

FITTED = ["extractor={name: functionals, widths: []}", "head={name: logistic, c: 0.1}", "tracking.kind=none"]


def expected(recipe_file, overrides, corpora):
    """Return the probabilities of scikit-learn on the features of the engine, for the test part."""
    recipe = with_standins(load_recipe(recipe_file, overrides, synthetic=True))
    prepared = load(recipe, plan(recipe), torch.device("cpu"))
    x, y = [], []
    for name in corpora:
        domain = prepared.domains[name]
        rows = domain.pools["labelled"]
        x += [domain.features[i, :, : domain.lengths[i]].mean(1).numpy() for i in rows]
        y += domain.labels[rows].tolist()
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=5000).fit(np.stack(x), y)
    domain = prepared.domains["modma"]
    test = [domain.features[i, :, : domain.lengths[i]].mean(1).numpy() for i in domain.pools["test"]]
    return model.predict_proba(np.stack(test))


def test_a_run_is_scikit_learn_on_the_same_features(tiny, tmp_path):
    overrides = [*FITTED, "strategy={name: scratch}"]
    summary = run(tiny, overrides, synthetic=True, out=tmp_path / "run")
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    ours = table.loc[table["part"] == "test", ["p_HC", "p_MDD"]].to_numpy()
    np.testing.assert_allclose(ours, expected(tiny, overrides, ["modma"]), atol=1e-4)
    assert summary["selection"]["epochs"]["transfer"]["steps"] == 1


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["strategy={name: ddg}"], "fitted at once, and strategy DDG trains step by step; choose scratch"),
        (["strategy={name: joint}", "heads=separate"], "fitted to all corpora together; set `heads: shared`"),
        (["strategy={name: joint}", "pretraining.epochs=2"], "there is nothing to pretrain"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_heard(tiny, overrides, says):
    with pytest.raises(RecipeError, match=says):
        check(tiny, [*FITTED, *overrides], synthetic=True)
