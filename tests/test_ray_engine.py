"""Trials on a Ray cluster: what a lost node was doing is done elsewhere, what is finished is left alone."""

import json
import os
import sys
import threading
import time

import pytest
from filelock import FileLock
from pydantic import ValidationError

from transfer.comparing import _fingerprint, compare
from transfer.engine import Engine
from transfer.errors import RecipeError, UserError
from transfer.execution import Outcome, Workplace, run_all
from transfer.loading import load_recipe
from transfer.ray_engine import _on_a_node
from transfer.suite import load_suite
from transfer.trials import Trial

SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1 to run")
PATIENT = '''
import os
import time
from pathlib import Path

from transfer.strategies.controls import Scratch


class Patient(Scratch):
    """Tells where it begins, and takes its time."""

    def begin(self, stage):
        import ray

        with Path(r"{tally}").open("a") as file:
            file.write(f"{{self.setting.training.seed}} {{ray.get_runtime_context().get_node_id()}}\\n")

    def phases(self, epoch):
        time.sleep(0.5)
        return super().phases(epoch)
'''


@pytest.fixture
def trial():
    return Trial("ddg", "system", 0, None, load_recipe("casia_to_modma_ddg"))


def test_an_engine_is_named_or_told_in_full_and_local_processes_have_no_address():
    assert load_suite(["casia_to_modma_ddg"], engine="ray").engine.name == "ray"
    assert load_suite(["casia_to_modma_ddg"], engine={"name": "ray", "gpus": 0.25}).engine.gpus == 0.25
    assert (Engine(name="ray", cpus=3).threads(1), Engine(name="ray", cpus=0.5).threads(1), Engine().threads(2)) == (
        3,
        1,
        2,
    )
    with pytest.raises(RecipeError, match="address is for the engine ray"):
        load_suite(["casia_to_modma_ddg"], engine={"address": "auto"})
    with pytest.raises(RecipeError, match="did you mean 'gpus'"):
        load_suite(["casia_to_modma_ddg"], engine={"name": "ray", "gpsu": 1})
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Engine(name="ray", retries=-1)


def test_a_comparison_goes_on_with_another_engine():
    one, other = (load_suite(["casia_to_modma_ddg"], engine=engine) for engine in ("local", "ray"))
    assert _fingerprint(one, []) == _fingerprint(other, [])


def test_without_ray_the_extra_is_named(trial, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"transfer-speech\[ray\]"):
        run_all([trial], Workplace(tmp_path), Engine(name="ray"), 1)


def test_a_node_waits_until_the_process_that_was_left_alone_has_ended(trial, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place, seen = Workplace(tmp_path), []
    lock = FileLock(tmp_path / "runs" / "ddg" / ".seed0.lock", thread_local=False)
    lock.acquire()
    threading.Timer(0.3, lambda: (seen.append("ended"), lock.release())).start()
    outcome = _on_a_node(trial, place, lambda trial, place: seen.append("begun") or Outcome(trial), str(tmp_path))
    assert (outcome, seen) == (Outcome(trial), ["ended", "begun"])
    lock.acquire()
    monkeypatch.setattr("transfer.ray_engine.PATIENCE", 0.1)
    assert "another process is still at work" in _on_a_node(trial, place, None, str(tmp_path)).reason
    lock.release()


def test_a_node_that_does_not_see_the_folder_says_so(trial, tmp_path):
    assert "does not see" in _on_a_node(trial, Workplace(tmp_path / "elsewhere"), None, str(tmp_path)).reason


def patiently(begin, tries=5, **options):
    """Begin a node; on a busy machine it may not be up in the thirty seconds that Ray waits."""
    try:
        return begin(**options)
    except Exception as error:
        if tries == 1 or "timed out during startup" not in str(error):
            raise
    return patiently(begin, tries - 1, **options)


@SLOW
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
def test_a_node_that_is_killed_loses_nothing_and_nothing_is_run_twice(tiny, tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    tally = tmp_path / "tally"
    tally.touch()
    (tmp_path / "patient.py").write_text(PATIENT.format(tally=tally))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TRANSFER_TRUST", "patient")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # a busy machine would starve polite workers
    cluster = Cluster()
    patiently(cluster.add_node, num_cpus=1, include_dashboard=False)
    second = patiently(cluster.add_node, num_cpus=1)
    finished_before = {}

    def kill():
        while time.monotonic() < end:
            begun = [line.split() for line in tally.read_text().splitlines()]
            mine = {seed for seed, node in begun if node == second.node_id}
            summaries = {
                file.parent.name: file.stat().st_mtime_ns for file in tmp_path.glob("out/runs/*/seed*/summary.json")
            }
            if any(f"seed{seed}" not in summaries for seed in mine) and summaries:
                finished_before.update(summaries)
                cluster.remove_node(second, allow_graceful=False)
                return
            time.sleep(0.05)

    end = time.monotonic() + 300
    watcher = threading.Thread(target=kill)
    watcher.start()
    try:
        engine = {"name": "ray", "address": cluster.address}
        more = ["strategy={name: 'patient:Patient'}", "training.epochs=8", "training.save_seconds=0"]
        found = compare([str(tiny), *more], synthetic=True, seeds=4, controls=[], engine=engine, out=tmp_path / "out")
    finally:
        end = 0
        watcher.join()
        cluster.shutdown()
    assert finished_before, "the node was killed in the middle"
    begun = [line.split() for line in tally.read_text().splitlines()]
    lost = {seed for seed, node in begun if node == second.node_id and f"seed{seed}" not in finished_before}
    assert found["failures"] == []
    assert sorted(run["seed"] for run in _summaries(tmp_path)) == list(range(4)), "nothing is lost"
    counts = {seed: sum(own == seed for own, _ in begun) for seed, _ in begun}
    assert lost
    assert counts == {str(seed): 1 + (str(seed) in lost) for seed in range(4)}, (
        "what was lost has begun again, no other"
    )
    after = {file.parent.name: file.stat().st_mtime_ns for file in tmp_path.glob("out/runs/*/seed*/summary.json")}
    assert {name: after[name] for name in finished_before} == finished_before, "what was finished is left alone"
    _one_record(tmp_path)


def _summaries(tmp_path):
    return [json.loads(file.read_text()) for file in tmp_path.glob("out/runs/*/seed*/summary.json")]


def _one_record(tmp_path):
    """Check that the store has one finished run for each trial, all nested in that of the comparison."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("transfer").experiment_id], max_results=100)
    parent = json.loads((tmp_path / "out" / "tracking.json").read_text())["run_id"]
    nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    finished = [run.data.tags["seed"] for run in nested if run.info.status == "FINISHED"]
    assert sorted(finished) == [str(seed) for seed in range(4)]
