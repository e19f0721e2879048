"""A real MLflow server records what a local store does, and `transfer ui` shows a store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.mlflow_server import ask, free_port, server
from transfer import run, ui_cli
from transfer.comparing import compare
from transfer.mlflow_tracker import MLflowTracker

OF_THE_RUN = {"mlflow.parentRunId", "mlflow.user", "spool"}


@pytest.fixture
def no_server(monkeypatch):
    """Fail where a command would start a server."""
    monkeypatch.setattr(ui_cli, "_server", lambda *given: pytest.fail("a server was started"))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return a folder with a recipe in it."""
    from tests.conftest import TINY

    here = tmp_path_factory.mktemp("server")
    (here / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def local(here, empty_store):
    """Return the uri of a local store with the runs of `record_runs`."""
    (here / "mlruns").mkdir()
    shutil.copy(empty_store, here / "mlruns")
    uri = f"sqlite:///{here}/mlruns/mlflow.db"
    record_runs(here, uri, "local")
    return uri


def record_runs(here, uri, name):
    """Run a recipe alone, and nested in a comparison, with their record in a store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        run("tiny.yaml", ["training.epochs=1", "compute.threads=1"], synthetic=True, out=f"{name}/run")
        compare(["tiny.yaml", "training.epochs=1"], out=f"{name}/compared", seeds=1, controls=[], synthetic=True)


def records(uri):
    """Return all that a store says of each run, by what the run is; times and ids are left out."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("transfer").experiment_id])
    parents = {r.info.run_id: r.data.tags["kind"] for r in runs if "kind" in r.data.tags}
    return {parents.get(r.info.run_id) or f"run in {nested(r, parents)}": record(client, r) for r in runs}


def nested(found, parents):
    return parents.get(found.data.tags.get("mlflow.parentRunId"))


def record(client, found):
    run_id = found.info.run_id
    history = {key: client.get_metric_history(run_id, key) for key in found.data.metrics}
    return {
        "status": found.info.status,
        "name": found.info.run_name,
        "params": found.data.params,
        "tags": {key: value for key, value in found.data.tags.items() if key not in OF_THE_RUN},
        "metrics": {key: sorted((m.step, m.value) for m in values) for key, values in history.items()},
        "datasets": [entry.to_dictionary() for entry in found.inputs.dataset_inputs],
        "artifacts": sorted(file.path for file in client.list_artifacts(run_id)),
        "models": [model_of(client, output.model_id) for output in found.outputs.model_outputs],
    }


def model_of(client, model_id):
    logged = client.get_logged_model(model_id)
    return logged.name, str(logged.status), sorted(f.path for f in client.list_logged_model_artifacts(model_id))


def predicted(monkeypatch, uri, folder, names):
    """Return what the model of a run says of audio files, as MLflow loads it from a store."""
    import mlflow

    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run_id = json.loads((folder / "run" / "summary.json").read_text())["mlflow_run_id"]
    return mlflow.pyfunc.load_model(f"runs:/{run_id}/model").predict(pd.DataFrame({"path": names}))


@pytest.fixture
def noise(tmp_path):
    """Return two audio files."""
    generator = np.random.default_rng(0)
    names = [str(tmp_path / f"{name}.wav") for name in "ab"]
    for name in names:
        soundfile.write(name, 0.1 * generator.standard_normal(80000), 16000)
    return names


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="half a minute; set TRANSFER_SLOW=1")
def test_a_server_records_what_a_local_store_does(here, local, monkeypatch, capsys, noise, empty_store):
    kept = records(local)
    assert set(kept) == {"comparison", "run in None", "run in comparison"}
    with server(here / "served", free_port(), empty_store) as (address, _):
        capsys.readouterr()
        record_runs(here, address, "remote")
        assert capsys.readouterr().out == "", "what is printed would stand before the JSON of --json"
        served = records(address)
        for name, record in kept.items():
            for kind, value in record.items():
                assert served[name][kind] == value, (name, kind)
        assert set(served) == set(kept)
        there = predicted(monkeypatch, address, here / "remote", noise)
        pd.testing.assert_frame_equal(there, predicted(monkeypatch, local, here / "local", noise))
    one = kept["run in None"]
    assert one["params"]["strategy.name"] == "mmd"
    assert [entry["dataset"]["name"] for entry in one["datasets"]] == ["casia", "modma"]
    assert len(one["metrics"]) > 50
    assert one["models"][0][:2] == ("model", "READY")
    assert one["models"] == kept["run in comparison"]["models"]
    assert kept["comparison"]["metrics"]["score/tiny"]


def test_ui_shows_a_store_at_this_machine_alone_until_it_is_interrupted(tmp_path, empty_store):
    uri, port = f"sqlite:///{tmp_path}/mlflow.db", free_port()
    shutil.copy(empty_store, tmp_path)
    MLflowTracker(uri, "seen by all", "first").finish()
    with subprocess.Popen(
        [sys.executable, "-m", "transfer", "ui", "--store", uri, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            address = process.stdout.readline().split()[0]
            assert address == f"http://127.0.0.1:{port}"
            assert b"<html" in ask(address)
            found = json.loads(ask(f"{address}/api/2.0/mlflow/experiments/search", max_results=10))
            assert "seen by all" in {experiment["name"] for experiment in found["experiments"]}
        finally:
            process.send_signal(signal.SIGINT)
            try:
                said = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.terminate()  # which ends the server too; waiting without end would hide the failure
                raise
    assert process.returncode == 0
    assert "Traceback" not in said[1]
    with pytest.raises(OSError, match="refused"):
        ask(address)


def test_ui_of_a_store_that_is_not_there_says_what_to_do_and_makes_none(no_server, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, out, err = command("ui")
    assert (code, out) == (2, "")
    assert "no run has been tracked" in err
    assert "--store" in err
    assert list(tmp_path.iterdir()) == []


def test_ui_of_a_taken_port_says_so(no_server, command, tmp_path):
    (tmp_path / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = command("ui", "--store", f"sqlite:///{tmp_path}/mlflow.db", "--port", port)
    assert code == 2
    assert f"cannot listen at 127.0.0.1:{port}" in err
    assert "--port" in err


def test_ui_of_a_server_says_where_it_is_without_the_password(no_server, command, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:secret@host/x")
    code, out, err = command("ui")
    assert (code, err) == (0, "")
    assert "https://host/x" in out
    assert "secret" not in out


def test_ui_does_not_show_the_password_of_a_store_to_other_users_of_the_machine(monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: calls.append((command, options)))
    ui_cli._server("postgresql://ann:secret@host/db", "127.0.0.1", 5000)
    [(command, options)] = calls
    assert "secret" not in " ".join(command)
    assert options["env"]["MLFLOW_BACKEND_STORE_URI"] == "postgresql://ann:secret@host/db"
