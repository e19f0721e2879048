"""A comparison, end to end on stand-ins: rows, controls, failures, resumption, record and page."""

import json
import re
import threading

import pytest
from filelock import FileLock

from transfer.comparing import compare
from transfer.errors import UserError
from transfer.evaluation.predictions import read_predictions

SUITE = """\
recipes:
- tiny.yaml
- {recipe: tiny.yaml, name: frozen, overrides: {strategy: {name: freeze}, pretraining.epochs: 1}}
- {recipe: tiny.yaml, name: broken, overrides: {strategy: {name: "broken_strategy:Broken"}}}
overrides: {training.epochs: 1}
seeds: 2
synthetic: true
"""
BROKEN = '''
from transfer.strategies.controls import Scratch


class Broken(Scratch):
    """Fails when training begins."""

    def begin(self, stage):
        raise ZeroDivisionError("of all things <b>this</b>")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a finished comparison, in the folder that it was made from."""
    from tests.conftest import TINY

    here = tmp_path_factory.mktemp("compare")
    (here / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (here / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (here / "broken_strategy.py").write_text(BROKEN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.syspath_prepend(str(here))
        compare(["suite.yaml"], out="out", command="transfer compare suite.yaml")
        yield here / "out"


def result(folder):
    return json.loads((folder / "comparison.json").read_text(encoding="utf-8"))


def test_every_recipe_and_control_is_a_row_and_what_failed_is_told_with_its_reason(folder):
    found = result(folder)
    assert {row["name"] for row in found["systems"]} == {"tiny", "frozen", "scratch", "majority"}
    assert {row["name"]: row["runs"] for row in found["systems"]} == dict.fromkeys(
        ("tiny", "frozen", "scratch", "majority"), 2
    )
    assert found["baseline"] == "scratch"
    assert [(f["system"], f["seed"]) for f in found["failures"]] == [("broken", 0), ("broken", 1)]
    assert found["failures"][0]["reason"] == "ZeroDivisionError: of all things <b>this</b>"
    assert any("source_only is left out" in warning for warning in found["warnings"])


def test_the_majority_decides_for_one_class_and_reaches_chance(folder):
    row = next(row for row in result(folder)["systems"] if row["name"] == "majority")
    assert row["score"] == pytest.approx(0.5)
    counts = row["confusion"]["counts"]
    assert sum(any(line[k] for line in counts) for k in range(2)) == 1


def test_all_rows_of_a_seed_were_tested_on_the_same_slices(folder):
    for seed in (0, 1):
        tables = [read_predictions(file) for file in folder.glob(f"runs/*/seed{seed}/predictions.parquet")]
        assert len(tables) == 3
        keys = [set(zip(t["subject"], t["recording"], t["slice"], strict=True)) for t in tables]
        assert keys[0] == keys[1] == keys[2]


def test_the_record_has_one_parent_with_the_trials_nested_in_it(folder):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.parent}/mlruns/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("transfer").experiment_id], max_results=100)
    parents = [run for run in runs if run.data.tags.get("kind") == "comparison"]
    assert [run.info.run_id for run in parents] == [json.loads((folder / "tracking.json").read_text())["run_id"]]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert sorted(run.data.tags["system"] for run in finished) == sorted(["tiny", "frozen", "scratch"] * 2)
    assert {run.data.tags["system"] for run in children if run.info.status == "FAILED"} == {"broken"}
    assert {f.path for f in client.list_artifacts(parents[0].info.run_id)} >= {"comparison.json", "report.html"}
    assert "score/frozen" in parents[0].data.metrics


def test_the_page_is_there_and_nothing_that_came_from_a_file_is_markup_in_it(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "transfer compare suite.yaml" in page
    assert "of all things &lt;b&gt;this&lt;/b&gt;" in page
    assert "<b>this</b>" not in page


def test_resuming_redoes_nothing_that_was_finished_and_keeps_the_record(folder):
    before = {file: file.stat().st_mtime_ns for file in folder.glob("runs/*/*/summary.json")}
    record = (folder / "tracking.json").read_text()
    gone = folder / "runs" / "tiny" / "seed1"
    for file in gone.iterdir():
        file.unlink()
    gone.rmdir()
    scores = {row["name"]: row["score"] for row in result(folder)["systems"]}
    compare(["suite.yaml"], out="out", resume=True)
    after = {file: file.stat().st_mtime_ns for file in folder.glob("runs/*/*/summary.json")}
    assert {file for file in before if after[file] != before[file]} == {gone / "summary.json"}
    assert (folder / "tracking.json").read_text() == record
    assert {row["name"]: row["score"] for row in result(folder)["systems"]} == scores


def test_a_folder_is_not_taken_by_another_suite_or_without_resume(folder):
    with pytest.raises(UserError, match="go on with it by --resume"):
        compare(["suite.yaml"], out="out")
    with pytest.raises(UserError, match="made for another suite"):
        compare(["suite.yaml", "training.epochs=2"], out="out", resume=True)
    with pytest.raises(UserError, match="holds no comparison"):
        compare(["suite.yaml"], out="mlruns")
    with pytest.raises(UserError, match="no comparison of this suite"):
        compare(["suite.yaml"], resume=True)


def test_two_processes_cannot_work_in_one_folder(folder):
    held, release = threading.Event(), threading.Event()

    def hold():
        with FileLock(folder / ".lock"):
            held.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        with pytest.raises(UserError, match="another process is at work"):
            compare(["suite.yaml"], out="out", resume=True)
    finally:
        release.set()
        thread.join()


def test_a_mistake_in_one_recipe_shows_before_anything_is_trained(tiny, tmp_path):
    with pytest.raises(UserError, match="strategy finetune: expected factor > 0"):
        compare([str(tiny), "strategy={name: finetune, factor: -1}", "tracking.kind=none"], synthetic=True, out="a")
    assert not (tmp_path / "a").exists()


def test_what_only_the_audio_shows_leaves_no_folder_that_a_second_try_would_trip_over(tiny, tmp_path):
    with pytest.raises(UserError, match=r"split.folds is 99"):
        compare([str(tiny), "tracking.kind=none"], folds=99, synthetic=True, out="a")
    assert not (tmp_path / "a").exists()


def test_where_nothing_could_be_finished_the_first_reason_is_given(tiny, tmp_path, monkeypatch):
    (tmp_path / "broken_strategy.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = [str(tiny), "strategy={name: 'broken_strategy:Broken'}", "tracking.kind=none"]
    with pytest.raises(UserError, match=re.escape("none of the 1 trials was finished; the first: ZeroDivisionError")):
        compare(arguments, synthetic=True, controls=[], out="a")


def test_the_command_that_makes_a_comparison_again_takes_its_own_suite_file(folder):
    from transfer.suite import load_suite

    again = load_suite([str(folder / "suite.yaml")])
    assert again.seeds == [0, 1]
    assert [entry.name for entry in again.recipes] == [None, "frozen", "broken"]
