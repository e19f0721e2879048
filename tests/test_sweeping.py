"""A sweep, end to end on stand-ins: what it draws, by what it scores, what it ends early, and that it goes on."""

import json
import shutil
import sys

import optuna
import pytest
import yaml

from transfer.errors import Pruned, UserError
from transfer.execution import Workplace
from transfer.loading import load_recipe
from transfer.sweep_trial import SweepTrial, _Watcher, open_study, run_sweep_trial, validation_score
from transfer.sweeping import sweep

SPACE = "training.optimizer.lr: {low: 1e-4, high: 1e-2, log: true}\nextractor.blocks: {low: 1, high: 2}\nhead.mode: [plain, diff]\n"


@pytest.fixture(scope="module")
def swept(tmp_path_factory, empty_store):
    """Return the folder that a sweep of three trials was made in."""
    from tests.conftest import TINY

    here = tmp_path_factory.mktemp("sweep")
    (here / "tiny.yaml").write_text(f"{TINY}tracking: {{model: false}}\n", encoding="utf-8")
    (here / "space.yaml").write_text(SPACE, encoding="utf-8")
    (here / "mlruns").mkdir()
    shutil.copy(empty_store, here / "mlruns" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        sweep("tiny.yaml", "space.yaml", synthetic=True, trials=3, out="out")
        yield here


def result(folder):
    return json.loads((folder / "out" / "sweep.json").read_text(encoding="utf-8"))


def test_every_trial_is_scored_by_the_validation_part_of_its_run_and_the_best_is_the_best(swept):
    found = result(swept)
    assert found["scored_by"] == "validation (target_validation); no test score was looked at"
    for row in found["trials"]:
        history = json.loads((swept / "out" / "runs" / f"trial{row['trial']:03d}" / "history.json").read_text())
        kept = history[-1]["epochs"][history[-1]["best_epoch"]]
        assert row["score"] == kept["valid/uar"] == max(epoch["valid/uar"] for epoch in history[-1]["epochs"])
    assert found["best"]["score"] == max(row["score"] for row in found["trials"])


def test_a_trial_has_the_setting_that_was_drawn_for_it_and_the_best_is_a_recipe(swept):
    found = result(swept)
    for row in found["trials"]:
        recipe = yaml.safe_load((swept / "out" / "runs" / f"trial{row['trial']:03d}" / "recipe.yaml").read_text())
        assert recipe["training"]["optimizer"]["lr"] == row["settings"]["training.optimizer.lr"]
        assert recipe["extractor"]["blocks"] == row["settings"]["extractor.blocks"] in (1, 2)
        assert recipe["head"]["mode"] == row["settings"]["head.mode"]
    assert len({row["settings"]["training.optimizer.lr"] for row in found["trials"]}) == 3
    best = load_recipe(swept / "out" / "best.yaml")
    assert (best.name, best.training.optimizer.lr) == ("tiny_swept", found["best"]["settings"]["training.optimizer.lr"])


def test_going_on_adds_trials_leaves_the_others_and_takes_up_the_one_that_was_lost(swept, monkeypatch):
    monkeypatch.chdir(swept)
    before = result(swept)["trials"]
    files = {file: file.stat().st_mtime_ns for file in swept.glob("out/runs/*/summary.json")}
    database = f"sqlite:///{swept}/out/study.db"
    lost = open_study(database, "uar", 0).ask(
        {"head.mode": optuna.distributions.CategoricalDistribution(["plain", "diff"])}
    )
    lost.set_user_attr("place", 3)  # its process died before it had a score
    found = sweep("tiny.yaml", "space.yaml", synthetic=True, trials=4, out="out", resume=True)
    assert found["trials"][:3] == before
    assert found["trials"][3]["settings"] == lost.params
    assert [row["state"] for row in found["trials"]] == ["complete"] * 4
    assert {file: file.stat().st_mtime_ns for file in files} == files
    with pytest.raises(UserError, match="go on with it by --resume"):
        sweep("tiny.yaml", "space.yaml", synthetic=True, out="out")
    with pytest.raises(UserError, match="another recipe, space or seed"):
        sweep("tiny.yaml", "space.yaml", ["training.epochs=3"], synthetic=True, out="out", resume=True)


def test_the_record_has_one_parent_with_the_trials_nested_in_it(swept):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{swept}/mlruns/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("transfer").experiment_id], max_results=100)
    (parent,) = [run for run in runs if run.data.tags.get("kind") == "sweep"]
    nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.data.tags["sweep trial"] for run in nested} >= {"0", "1", "2"}
    assert "best/valid/uar" in parent.data.metrics


def test_the_score_needs_no_file_that_knows_the_test_part(tmp_path):
    record = {"epochs": [{"valid/uar": 0.5}, {"valid/uar": 0.7}, {"valid/uar": 0.6}], "best_epoch": 1}
    (tmp_path / "history.json").write_text(json.dumps([{"epochs": [], "best_epoch": -1}, record]))
    assert validation_score(tmp_path, "uar") == 0.7


@pytest.mark.parametrize(("rule", "why"), [("last", "scores nothing"), ("oracle", "looks at test labels")])
def test_a_recipe_that_does_not_select_by_validation_is_refused(rule, why, tiny, tmp_path):
    (tmp_path / "space.yaml").write_text(SPACE)
    with pytest.raises(UserError, match=why):
        sweep(tiny, "space.yaml", [f"selection.by={rule}"], synthetic=True, out="out")
    assert not (tmp_path / "out").exists()


def test_a_value_that_no_recipe_may_have_shows_before_anything_is_run(tiny, tmp_path):
    (tmp_path / "space.yaml").write_text("head.mode: [plain, dif]\n")
    with pytest.raises(UserError, match="dif"):
        sweep(tiny, "space.yaml", ["tracking.kind=none"], synthetic=True, out="out")
    assert not (tmp_path / "out" / "runs").exists()


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"transfer-speech\[sweep\]"):
        open_study("sqlite://", "uar", 0)


def test_what_is_below_the_median_at_its_epoch_is_ended_and_no_other():
    study = open_study("sqlite://", "uar", 0, warmup=1)
    for _ in range(5):
        trial = study.ask()
        for epoch in (1, 2, 3):
            trial.report(0.6, epoch)
        study.tell(trial, 0.6)

    def epochs(score, title="transfer"):
        watcher = _Watcher(study.ask(), "uar")
        with watcher.bar(title) as tick:
            for epoch in (1, 2, 3):
                watcher.epoch({"valid/uar": score})
                tick(epoch, 3)
        return watcher.own.number

    with pytest.raises(Pruned, match="after epoch 2"):
        epochs(0.5)
    good, pretraining = epochs(0.7), epochs(0.5, "pretraining")
    told = [len(trial.intermediate_values) for trial in study.get_trials()]
    assert (told[good], told[pretraining]) == (3, 0), "of the transfer stage alone"


def test_what_is_pruned_leaves_no_folder_and_what_fails_is_told(tiny, tmp_path, monkeypatch):
    place = Workplace(tmp_path / "sweep", synthetic=True)
    place.folder.mkdir()
    base = load_recipe(tiny, ["tracking.kind=none", "training.save_seconds=0"], synthetic=True)
    (place.folder / "base.yaml").write_text(yaml.safe_dump(base.model_dump(mode="json")))
    (place.folder / "space.yaml").write_text(SPACE)
    database = f"sqlite:///{tmp_path}/study.db"
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda self: True)
    assert run_sweep_trial(SweepTrial(0, "uar", database, 0), place).reason == ""
    monkeypatch.setattr("transfer.experiment.run", lambda *args, **options: 1 / 0)
    assert run_sweep_trial(SweepTrial(1, "uar", database, 0), place).reason == "ZeroDivisionError: division by zero"
    states = [trial.state.name for trial in open_study(database, "uar", 0).get_trials()]
    assert states == ["PRUNED", "FAIL"]
    assert list((place.folder / "runs").iterdir()) == []
    assert "Traceback" in (place.folder / "failures" / "trial001.txt").read_text()
