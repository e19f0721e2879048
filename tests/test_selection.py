"""Selection: which rules a recipe may name, what they need, and what is kept."""

import json

import pandas as pd
import pytest

from transfer import check, load_recipe, run
from transfer.errors import RecipeError
from transfer.evaluation.validators import CRITERIA
from transfer.recipe import RULES, Recipe
from transfer.selection import check_selection, validation_scores
from transfer.tracked_run import headline

QUIET = ["tracking.kind=none"]
SHARED = """\
name: shared
strategy: {name: mmd}
source: {corpus: nemo, slices: {version: V2, seconds: 2}}
target: {corpus: emovo, slices: {version: V2, seconds: 2}, labelled_speakers: none}
labels: shared
heads: shared
extractor: {name: multi_tim, mode: plain, blocks: 1, filters: 13}
head: {name: temporal, mode: plain, blocks: 1}
training: {epochs: 3, batch_size: 16}
split: {valid: 0.25, transductive: true}
selection: {by: im}
synthetic: {source: {clips: 1, speakers: 4}, target: {clips: 1}}
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Return the file of an unsupervised recipe on stand-ins of one set of classes."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shared.yaml"
    path.write_text(SHARED, encoding="utf-8")
    return path


@pytest.mark.parametrize("rule", [*RULES, *CRITERIA])
def test_every_rule_can_be_named(rule, tiny):
    assert load_recipe(tiny, [f"selection.by={rule}"]).selection.by == rule


@pytest.mark.parametrize(
    ("wrong", "right"), [("snf", "snd"), ("oracel", "oracle"), ("nearest_sorce", "nearest_source")]
)
def test_a_rule_that_does_not_exist_is_refused_with_the_nearest_of_all(wrong, right, tiny):
    with pytest.raises(RecipeError, match=rf"selection\.by: .*no selection rule '{wrong}'; did you mean '{right}'"):
        load_recipe(tiny, [f"selection.by={wrong}"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["selection.by=dev"], "same classes"),
        (["selection.by=snd", "split.valid=0"], "labels training does not use, and there are none"),
        (["selection.by=mmd", "strategy={name: scratch}"], "which scratch never learns"),
        (["selection.by=source_validation", "strategy={name: scratch}"], "scratch never learns the source"),
        (["selection.by=snd", "training.early_stopping={patience: 2}"], "write `watch: selection`"),
        (["selection.by=last", "training.early_stopping={patience: 2, watch: selection}"], "selection.by is last"),
    ],
)
def test_a_rule_that_the_parts_cannot_serve_is_refused(overrides, says, tiny):
    with pytest.raises(RecipeError, match=says):
        check(tiny, overrides, synthetic=True)


def test_a_criterion_that_needs_source_validation_says_so(shared):
    check(shared, ["selection.by=dev"], synthetic=True)
    with pytest.raises(RecipeError, match="validation slices of the source"):
        check(shared, ["selection.by=dev", "split.valid=0"], synthetic=True)
    check(shared, ["selection.by=target_knn", "split.valid=0"], synthetic=True)


def test_a_criterion_selects_is_recorded_and_tags_every_score(shared, tmp_path):
    run(shared, QUIET, synthetic=True, out=tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (record,) = json.loads((tmp_path / "out" / "history.json").read_text())
    scores = [values["valid/im"] for values in record["epochs"]]
    assert record["best_epoch"] == scores.index(max(scores))
    assert len(set(scores)) == 3, "it is the model of each epoch that is scored"
    assert not any(name in values for values in record["epochs"] for name in ("valid/uar", "valid/loss"))
    assert summary["selected_by"] == {"transfer": "unsupervised:im"}
    levels = summary["metrics"]["test"]
    assert {scores["selected_by"] for scores in levels.values()} == {"unsupervised:im"}


def test_each_stage_has_its_own_tag_and_a_stage_without_scores_keeps_its_last_epoch(tiny, tmp_path):
    words = [*QUIET, "strategy={name: finetune}", "pretraining.epochs=1", "training.epochs=1"]
    summary = run(tiny, words, synthetic=True, out=tmp_path / "a")
    assert summary["selected_by"] == {"pretraining": "source_validation", "transfer": "target_validation"}
    summary = run(tiny, [*words, "selection.by=last", "split.valid=0"], synthetic=True, out=tmp_path / "b")
    last = "last epoch, no selection"
    assert summary["selected_by"] == {"pretraining": last, "transfer": last}, "no source slices to validate on either"
    assert summary["metrics"]["test"]["subject"]["selected_by"] == "last epoch, no selection"


def test_scores_chosen_by_test_labels_go_by_another_name_in_the_tracker():
    metrics = {"test": {"subject": {"uar": 0.5, "n": 8, "selected_by": "oracle"}}}
    assert headline(metrics, "oracle") == {"oracle/test/subject/uar": 0.5}
    assert headline(metrics, "target_validation") == {"test/subject/uar": 0.5}


def test_early_stopping_can_watch_the_criterion(attached, train):
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    settings = {
        "training": {"epochs": 5, "batch_size": 8, "early_stopping": {"patience": 2, "watch": "selection"}},
        "selection": {"by": "snd"},
    }
    (record,) = train(attached("scratch", recipe=settings), score=lambda: {"snd": next(scores)}, metric="snd")
    assert record.best_epoch == 1
    assert record.stopped == "validation snd has not improved for 2 epochs"


def test_a_score_that_is_never_a_number_keeps_the_last_epoch(attached, train):
    (record,) = train(attached("scratch"), score=lambda: {"snd": float("nan")}, metric="snd")
    assert record.best_epoch == -1


def test_validation_scores_are_those_of_sklearn(domain):
    import numpy as np
    import pandas as pd
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 50)
    truth = rng.choice(list("abc"), 50, p=[0.6, 0.3, 0.1])
    found = validation_scores(pd.DataFrame(p, columns=["p_a", "p_b", "p_c"]).assign(truth=truth))
    decided = np.array(list("abc"))[p.argmax(1)]
    assert found["uar"] == pytest.approx(balanced_accuracy_score(truth, decided))
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, decided))
    assert found["loss"] == pytest.approx(log_loss(truth, p))


def test_an_empty_list_of_labelled_speakers_is_no_label_to_select_by():
    recipe = Recipe(name="a", strategy={"name": "mmd"}, target={"corpus": "emovo", "labelled_speakers": []})
    slices = pd.DataFrame({"corpus": ["emovo"], "part": ["valid"], "label": ["x"]})
    with pytest.raises(RecipeError, match="uses target labels"):
        check_selection(recipe, slices, ("source", "target"))
