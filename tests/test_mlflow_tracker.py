"""What is told to the tracker is what MLflow's own client reads back; a store that fails stops nothing."""

import contextlib
import io
import json
import logging
import math
import shutil
import threading
import time

import pytest

from transfer import mlflow_delivery, mlflow_tracker
from transfer.mlflow_tracker import MLflowTracker
from transfer.tracking import open_tracker


@pytest.fixture(scope="module")
def new_store(tmp_path_factory):
    """Return the folder of a store made by the tracker, and what was written to stderr meanwhile."""
    folder = tmp_path_factory.mktemp("mlruns")
    with contextlib.redirect_stderr(io.StringIO()) as said:
        MLflowTracker(f"sqlite:///{folder}/mlflow.db", "first", "first").finish()
    return folder, said.getvalue()


@pytest.fixture(scope="module")
def store(new_store):
    """Return the folder of a store with one experiment in it."""
    return new_store[0]


@pytest.fixture
def tracker(store):
    """Return a tracker of a new run, finished whatever the test does."""
    tracker = open_tracker("mlflow", f"sqlite:///{store}/mlflow.db", "transfer", "a run")
    yield tracker
    tracker.finish("KILLED")


def read(tracker):
    """Return MLflow's client and the run as it reads it."""
    from mlflow import MlflowClient

    client = MlflowClient(tracker.uri)
    return client, client.get_run(tracker.run_id)


@contextlib.contextmanager
def held(tracker, monkeypatch):
    """Let no batch through to the store inside; gives the sizes of the batches of metrics, as they are written."""
    gate, calls = threading.Event(), []
    write = tracker._delivery._client.log_batch

    def slow(*args, **kwargs):
        assert gate.wait(5)
        calls.append(len(kwargs["metrics"]))
        write(*args, **kwargs)

    monkeypatch.setattr(tracker._delivery._client, "log_batch", slow)
    yield calls
    gate.set()


def test_params_tags_metrics_and_artifacts_are_read_back_as_told(tracker, store, tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "roc.svg").write_text("<svg/>")
    tracker.params({"training": {"epochs": 3}, "losses": [{"name": "mmd"}], "rates": {"heads.*": "x0.5"}})
    tracker.tags({"strategy": "ddg", "synthetic": True})
    for step in range(3):
        tracker.metrics({"train/loss": 1 / (step + 1), "valid/uar": 0.25 * step}, step=step)
    tracker.metrics({"test/auc": None, "test/uar": 0.75}, step=2)
    tracker.artifact(tmp_path / "summary.json")
    tracker.artifact(tmp_path / "plots")
    tracker.finish()
    client, run = read(tracker)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a run"
    assert client.get_experiment(run.info.experiment_id).name == "transfer"
    assert run.data.params == {"training.epochs": "3", "losses.0.name": "mmd", "rates.heads._": "x0.5"}
    assert run.data.tags["strategy"] == "ddg"
    assert run.data.tags["synthetic"] == "True"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in sorted(history, key=lambda m: m.step)] == [
        (0, 1),
        (1, 0.5),
        (2, 1 / 3),
    ]
    assert set(run.data.metrics) == {"train/loss", "valid/uar", "test/uar"}
    assert run.info.artifact_uri.startswith((store / "artifacts").as_uri())
    assert sorted(f.path for f in client.list_artifacts(run.info.run_id)) == ["plots", "summary.json"]
    assert [f.path for f in client.list_artifacts(run.info.run_id, "plots")] == ["plots/roc.svg"]
    assert tracker.errors == []


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_run_that_did_not_end_well_says_so(tracker, status):
    tracker.finish(status)
    tracker.finish("FINISHED")
    assert read(tracker)[1].info.status == status


def test_more_than_a_batch_of_everything_is_written(tracker):
    tracker.params({f"p{i}": i for i in range(250)})
    tracker.tags({f"t{i}": i for i in range(150)})
    tracker.metrics({f"m{i}": float(i) for i in range(2300)}, step=0)
    tracker.metrics({"odd": math.nan}, step=0)
    tracker.finish()
    data = read(tracker)[1].data
    assert len(data.params) == 250
    assert sum(key.startswith("t") for key in data.tags) == 150
    assert sum(key.startswith("m") for key in data.metrics) == 2300
    assert data.metrics["m2299"] == 2299
    assert math.isnan(data.metrics["odd"])


def test_the_limits_are_those_of_mlflow():
    from mlflow.utils import validation

    assert mlflow_delivery.A_BATCH["metrics"] == validation.MAX_METRICS_PER_BATCH
    assert mlflow_delivery.A_BATCH["params"] == validation.MAX_PARAMS_TAGS_PER_BATCH
    assert mlflow_tracker._PARAM_LENGTH == validation.MAX_PARAM_VAL_LENGTH
    assert mlflow_tracker._TAG_LENGTH == validation.MAX_TAG_VAL_LENGTH
    assert mlflow_tracker._KEY_LENGTH == validation.MAX_ENTITY_KEY_LENGTH


def test_long_values_are_cut_with_a_note_and_odd_names_made_fit(tracker):
    long = "x" * 9000
    names = {"../up": 1, "a*b": 2, "a?b": 3, "/root//x": 4, "情感": 5, "k" * 300: 6, "k" * 301: 7, "": 8}
    tracker.params({"long": long, **names})
    tracker.tags({"long": long})
    tracker.finish()
    data = read(tracker)[1].data
    assert tracker.errors == []
    assert len(data.params["long"]) == 6000
    assert data.params["long"].endswith("x ... (cut, 9000 characters)")
    assert len(data.tags["long"]) == 8000
    fitted = {key: int(value) for key, value in data.params.items() if key != "long"}
    expected = {"up": 1, "a_b": 2, "a_b_2": 3, "root/x": 4, "情感": 5, "k" * 250: 6, "k" * 248 + "_2": 7, "_": 8}
    assert fitted == expected


def test_training_does_not_wait_for_the_store(tracker, monkeypatch):
    with held(tracker, monkeypatch) as calls:
        for step in range(500):
            tracker.metrics({"loss": 1.0, "uar": 0.5}, step=step)  # would not return here if it waited
        assert calls == []
    tracker.finish()
    assert sum(calls) == 1000
    assert len(calls) <= 3, "what gathered while the store was busy is one batch"


def test_short_epochs_are_written_together_and_seen_while_the_run_goes_on(tracker, monkeypatch):
    calls, write = [], tracker._delivery._client.log_batch
    monkeypatch.setattr(tracker._delivery._client, "log_batch", lambda *a, **k: (calls.append(k), write(*a, **k)))
    monkeypatch.setattr(mlflow_tracker, "_GATHER", 0.5)
    for step in range(20):
        tracker.metrics({"loss": 1.0 / (step + 1)}, step=step)
        time.sleep(0.005)
    until = time.monotonic() + 20
    while "loss" not in read(tracker)[1].data.metrics and time.monotonic() < until:
        time.sleep(0.05)
    assert len(calls) <= 2
    assert len(read(tracker)[0].get_metric_history(tracker.run_id, "loss")) > 0


def test_a_store_that_cannot_be_opened_is_reported_and_the_run_goes_on(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING, logger="transfer"):
        tracker = MLflowTracker(f"sqlite:///{tmp_path}/file/mlflow.db", "transfer", "run")
        tracker.params({"a": 1})
        tracker.metrics({"loss": 1.0}, step=0)
        tracker.artifact(tmp_path / "file")
        tracker.finish()
    assert tracker.run_id is None
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("transfer")]
    assert len(messages) == 2, "as the run begins, and as it ends"
    assert "not tracked so far" in messages[0]
    assert "FileExistsError" in messages[0] or "NotADirectoryError" in messages[0]
    assert "4 entries of the record were not taken" in messages[1]


def test_what_a_store_refuses_is_reported_once_and_the_rest_is_kept(tracker, caplog, tmp_path):
    tracker.params({"a": 1})
    for name in "abcd":
        tracker.artifact(tmp_path / name)
    tracker.metrics({"loss": 0.5}, step=0)
    with caplog.at_level(logging.WARNING, logger="transfer"):
        tracker.finish()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("transfer")]
    assert len(messages) == 1
    assert "4 writes failed (first: no file or folder" in messages[0]
    data = read(tracker)[1].data
    assert (data.params, data.metrics) == ({"a": "1"}, {"loss": 0.5})


def test_a_store_that_is_gone_is_not_asked_again_and_again(tracker, monkeypatch):
    calls = []

    def gone(*args, **kwargs):
        calls.append(args)
        raise ConnectionError("gone")

    monkeypatch.setattr(tracker._delivery._client, "log_batch", gone)
    tracker.metrics({f"m{i}": 0.0 for i in range(10_000)}, step=0)
    tracker.finish()
    assert len(calls) == 3
    assert tracker.errors == ["ConnectionError: gone"]
    assert tracker._spool.left() == 10_001


def test_a_store_that_fails_now_and_then_is_asked_until_it_has_everything(tracker, monkeypatch):
    calls, write = [], tracker._delivery._client.log_batch

    def now_and_then(*args, **kwargs):
        calls.append(args)
        if len(calls) % 3:
            raise ConnectionError("busy")
        write(*args, **kwargs)

    monkeypatch.setattr(tracker._delivery._client, "log_batch", now_and_then)
    tracker.metrics({f"m{i}": 0.0 for i in range(3000)}, step=0)
    tracker.finish()
    assert (len(calls), tracker.errors, tracker._spool.left()) == (9, [], 0)
    run = read(tracker)[1]
    assert (len(run.data.metrics), run.info.status) == (3000, "FINISHED")


def test_the_store_is_the_one_of_the_environment_where_the_recipe_names_none(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    tracker = open_tracker("mlflow", None, "transfer", "by environment")
    tracker.finish()
    assert read(tracker)[1].info.run_name == "by environment"


def test_the_default_store_is_in_the_folder_at_the_start_of_the_run(store, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for folder in ("here/mlruns", "there"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(store / "mlflow.db", tmp_path / "here" / "mlruns")  # making one takes seconds
    monkeypatch.chdir(tmp_path / "here")
    tracker = open_tracker("mlflow", None, "of the default store", "run")
    (tmp_path / "here" / "note.txt").write_text("kept")
    with held(tracker, monkeypatch):
        tracker.metrics({"loss": 1.0}, step=0)
        tracker.artifact("note.txt")
        monkeypatch.chdir(tmp_path / "there")
    tracker.finish()
    assert tracker.uri == f"sqlite:///{tmp_path.as_posix()}/here/mlruns/mlflow.db"
    kept = list((tmp_path / "here" / "mlruns" / "artifacts").rglob("note.txt"))
    assert [file.read_text() for file in kept] == ["kept"]
    assert list((tmp_path / "there").iterdir()) == []


def test_making_a_store_is_quiet(new_store):
    folder, said = new_store
    assert (folder / "mlflow.db").is_file()
    assert said == ""


def test_a_corpus_is_its_fingerprint_and_is_recorded_once_though_a_run_goes_on(tracker, store):
    counts = {"slices": 24, "speakers": 4}
    tracker.dataset("casia", "298d4bb353875efe", "source", counts)
    tracker.finish()
    again = open_tracker("mlflow", tracker.uri, "transfer", "a run", resume=tracker.run_id)
    again.dataset("casia", "298d4bb353875efe", "source", counts)
    again.finish()
    assert again.run_id == tracker.run_id
    assert (tracker.errors, again.errors) == ([], [])
    [heard] = read(tracker)[1].inputs.dataset_inputs
    assert (heard.dataset.name, heard.dataset.digest) == ("casia", "298d4bb353875efe")
    assert json.loads(heard.dataset.profile) == counts
    assert [(tag.key, tag.value) for tag in heard.tags] == [("mlflow.data.context", "source")]


def test_what_is_no_model_file_is_reported_and_the_rest_of_the_record_is_kept(tracker, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"none")
    tracker.model(tmp_path / "model.safetensors")
    tracker.metrics({"loss": 0.5}, step=0)
    tracker.finish()
    assert len(tracker.errors) == 1
    assert "not a model file of this toolkit" in tracker.errors[0]
    run = read(tracker)[1]
    assert (run.data.metrics, run.info.status) == ({"loss": 0.5}, "FINISHED")
