"""A real MLflow server that is killed in the middle of a run, and comes back."""

import os
import signal
import time

import pytest

from tests.mlflow_server import free_port, server
from transfer import mlflow_tracker
from transfer.mlflow_tracker import MLflowTracker


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="starts a server twice; set TRANSFER_SLOW=1")
def test_a_server_that_is_killed_and_comes_back_has_every_number_once_and_in_order(tmp_path, empty_store, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setattr(mlflow_tracker, "_PAUSES", (0.2,))
    monkeypatch.setattr(mlflow_tracker, "_LAST_PAUSE", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port, folder = free_port(), tmp_path / "run"
    folder.mkdir()
    with server(tmp_path / "server", port, empty_store) as (address, process):
        tracker = MLflowTracker(address, "transfer", "first", folder=folder)
        for step in range(20):
            tracker.metrics({"loss": 1 / (step + 1)}, step=step)
            time.sleep(0.05)
        while not MlflowClient(address).get_metric_history(tracker.run_id, "loss"):
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        for step in range(20, 40):
            tracker.metrics({"loss": 1 / (step + 1)}, step=step)
            time.sleep(0.05)
    with server(tmp_path / "server", port, empty_store) as (address, _):
        for step in range(40, 60):
            tracker.metrics({"loss": 1 / (step + 1)}, step=step)
        tracker.finish()
        found = MlflowClient(address).get_metric_history(tracker.run_id, "loss")
        assert [(m.step, m.value) for m in found] == [(step, 1 / (step + 1)) for step in range(60)]
        assert [m.timestamp for m in found] == sorted(m.timestamp for m in found)
        assert MlflowClient(address).get_run(tracker.run_id).info.status == "FINISHED"
    assert list(folder.iterdir()) == [], "nothing waits any more"
