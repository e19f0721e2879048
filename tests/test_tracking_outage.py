"""What a store does not take waits on disk, and reaches it later: in order, nothing lost, nothing twice."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from transfer import mlflow_tracker, run
from transfer.errors import UserError
from transfer.mlflow_delivery import Delivery
from transfer.mlflow_tracker import MLflowTracker
from transfer.spool import JOURNAL, Spool, TrackedAs
from transfer.syncing import sync

ABOUT = TrackedAs("sqlite:///a.db", "transfer", "first")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    """Leave a store that failed alone for tenths of a second instead of many."""
    monkeypatch.setattr(mlflow_tracker, "_GATHER", 0.02)
    monkeypatch.setattr(mlflow_tracker, "_PAUSES", (0.05,))
    monkeypatch.setattr(mlflow_tracker, "_LAST_PAUSE", 0.01)


@pytest.fixture
def store(tmp_path, empty_store):
    """Return the database of a store of this test's own."""
    (tmp_path / "mlruns").mkdir()
    return shutil.copy(empty_store, tmp_path / "mlruns" / "mlflow.db")


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def client(store):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{store}")


def history(store, run_id, key="loss"):
    """Return steps and values of a metric, as they came in."""
    found = client(store).get_metric_history(run_id, key)
    return [(m.step, m.value) for m in sorted(found, key=lambda m: (m.timestamp, m.step))]


def runs(store):
    own = client(store)
    return own.search_runs([e.experiment_id for e in own.search_experiments()])


def test_a_password_of_the_store_is_not_left_in_the_folder(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    MLflowTracker("http://ann:secret@127.0.0.1:1/x", "transfer", "first", folder=folder).finish()
    assert "secret" not in (folder / JOURNAL).read_text()


def away(store):
    """Take a store away, and put something in its place that cannot be one."""
    hidden = store.with_suffix(".away")
    store.rename(hidden)
    store.mkdir()
    return hidden


def back(store, hidden):
    store.rmdir()
    hidden.rename(store)


@pytest.fixture
def gone(store, monkeypatch):
    """Return a switch: while it is on, the store takes nothing; every second answer is lost on the way besides."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    state = {"on": False, "lose answers": False, "calls": 0}
    write = SqlAlchemyStore.log_batch

    def log_batch(self, *args, **kwargs):
        state["calls"] += 1
        if state["on"]:
            raise ConnectionError("gone")
        write(self, *args, **kwargs)
        if state["lose answers"] and state["calls"] % 2:
            raise ConnectionError("the answer was lost")

    monkeypatch.setattr(SqlAlchemyStore, "log_batch", log_batch)
    return state


def test_what_a_store_missed_in_the_middle_it_gets_when_it_is_back(store, folder, gone):
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    for step in range(30):
        gone["on"], gone["lose answers"] = 10 <= step < 20, step >= 20
        tracker.metrics({"loss": 1 / (step + 1)}, step=step)
        until = gone["calls"]
        while step in (5, 15, 25) and gone["calls"] <= until:
            time.sleep(0.005)
    gone["lose answers"] = False
    tracker.finish()
    assert history(store, tracker.run_id) == [(step, 1 / (step + 1)) for step in range(30)]
    assert tracker.errors == []
    assert list(folder.iterdir()) == []


def test_a_store_that_never_comes_back_leaves_a_spool_that_sync_sends(store, folder, gone, capsys):
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    (folder / "summary.json").write_text("{}")
    gone["on"] = True
    tracker.params({"a": 1})
    for step in range(5):
        tracker.metrics({"loss": float(step)}, step=step)
    tracker.artifact(folder / "summary.json")
    tracker.finish()
    with pytest.raises(UserError, match=r"goes on waiting.*gone"):
        sync(folder)
    folder = folder.rename(folder.with_name("moved"))
    gone["on"] = False
    assert sync(folder) == {"first": tracker.run_id}
    assert history(store, tracker.run_id) == [(step, step) for step in range(5)]
    found = client(store).get_run(tracker.run_id)
    assert (found.info.status, found.data.params) == ("FINISHED", {"a": "1"})
    assert [f.path for f in client(store).list_artifacts(tracker.run_id)] == ["summary.json"]
    assert json.loads((folder / "summary.json").read_text()) == {"mlflow_run_id": tracker.run_id}
    assert sync(folder) == {}, "nothing waits any more"


def test_answers_that_were_lost_make_no_number_twice_where_the_store_keeps_all_it_is_told(store, folder, gone):
    with closing(sqlite3.connect(store)) as base:  # a store that does not know a number again, as files do not
        assert base.execute("SELECT count(*) FROM metrics").fetchone() == (0,)
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    gone["lose answers"] = True
    sent = []
    write = tracker._delivery._client.log_batch

    def log_batch(run_id, metrics=(), **rest):
        sent.extend((m.key, m.step) for m in metrics)
        write(run_id, metrics=metrics, **rest)

    tracker._delivery._client.log_batch = log_batch
    for step in range(625):
        tracker.metrics({f"m{i}": 0.5 for i in range(4)}, step=step)
    tracker.finish()
    assert len(sent) == len(set(sent)) == 2500
    assert [found.info.run_name for found in runs(store)].count("first") == 1


def test_a_store_that_is_away_from_the_start_gets_the_whole_run(store, folder):
    hidden = away(store)
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    tracker.metrics({"loss": 0.5}, step=0)
    tracker.finish()
    assert tracker.run_id is None
    back(store, hidden)
    [run_id] = sync(folder).values()
    assert history(store, run_id) == [(0, 0.5)]


def test_a_store_that_does_not_answer_holds_no_run_up(store, folder, monkeypatch):
    monkeypatch.setattr(mlflow_tracker, "_PATIENCE", 0.1)
    answer = threading.Event()
    monkeypatch.setattr(Delivery, "_open", lambda self: answer.wait(60))
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    tracker.metrics({"loss": 0.5}, step=0)
    tracker.finish()
    folder = folder.rename(folder.with_name("moved"))
    monkeypatch.undo()
    answer.set()
    [run_id] = sync(folder).values()
    assert history(store, run_id) == [(0, 0.5)]
    assert not folder.with_name("run").exists(), "the thread that hung does not write there again"


def test_a_locked_store_is_waited_for(store, folder):
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    base = sqlite3.connect(store, check_same_thread=False)
    base.execute("BEGIN EXCLUSIVE")
    tracker.metrics({"loss": 0.5}, step=0)
    threading.Timer(0.5, base.close).start()
    tracker.finish()
    assert history(store, tracker.run_id) == [(0, 0.5)]
    assert (tracker.errors, list(folder.iterdir())) == ([], [])


def test_a_full_store_is_named_and_keeps_nothing_back(store, folder):
    tracker = MLflowTracker(f"sqlite:///{store}", "transfer", "first", folder=folder)
    from sqlalchemy import event

    engine = tracker._delivery._client._tracking_client.store.engine
    pages = {"most": 1}  # fewer than there are: sqlite says that the disk is full

    @event.listens_for(engine, "checkout")
    def limit(connection, record, proxy):
        connection.execute(f"PRAGMA max_page_count = {pages['most']}")

    for step in range(750):
        tracker.metrics({f"m{i}": 0.5 for i in range(4)}, step=step)
    tracker.finish()
    assert "full" in tracker.errors[0]
    pages["most"] = 10**6
    assert sync(folder) == {"first": tracker.run_id}
    assert [len(history(store, tracker.run_id, f"m{i}")) for i in range(4)] == [750] * 4


READ_ONLY = """
import sys
from pathlib import Path
from transfer.mlflow_tracker import MLflowTracker
tracker = MLflowTracker(f"sqlite:///{sys.argv[1]}", "transfer", "first", folder=Path(sys.argv[2]))
tracker.metrics({"loss": 0.5}, step=0)
tracker.finish()
print(tracker.errors[0])
"""
NO_RIGHTS = (
    ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []
)  # root may all


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="imports MLflow anew; set TRANSFER_SLOW=1")
@pytest.mark.skipif(bool(NO_RIGHTS) and not shutil.which("setpriv"), reason="root gives up its rights by setpriv")
def test_mlruns_that_may_not_be_written_costs_nothing_but_time(store, folder):
    store.chmod(0o444)
    store.parent.chmod(0o555)
    words = [*NO_RIGHTS, sys.executable, "-c", READ_ONLY, store, folder]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    finally:
        store.parent.chmod(0o755)
        store.chmod(0o644)
    assert "readonly" in done.stdout or "Permission" in done.stdout, done.stderr
    [run_id] = sync(folder).values()
    assert history(store, run_id) == [(0, 0.5)]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="three runs; set TRANSFER_SLOW=1")
def test_a_run_that_was_cut_and_taken_up_again_tells_every_number_once(tiny, tmp_path, store, monkeypatch):
    from tests.test_resume import Cut, cut_after
    from transfer.experiment import resume_run
    from transfer.keeper import Keeper

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    more = ["training.epochs=6", "training.save_seconds=0", "compute.threads=1"]
    save = Keeper._save

    def save_once(self, folder, stage, state):
        if not Keeper.kept(folder):
            save(self, folder, stage, state)

    with monkeypatch.context() as cutting:
        seen = cut_after(cutting, -1)
        run(tiny, more, synthetic=True, out=tmp_path / "whole")
    with monkeypatch.context() as cutting:
        cutting.setattr(Keeper, "_save", save_once)
        cut_after(cutting, seen[0] - 1)
        with pytest.raises(Cut):  # in the last epoch, with the state of the first: what lies between is told again
            run(tiny, more, synthetic=True, out=tmp_path / "cut")
    assert (tmp_path / ".cut.partial" / JOURNAL).is_file()
    resume_run(tmp_path / "cut")
    whole, cut = (json.loads((tmp_path / n / "summary.json").read_text())["mlflow_run_id"] for n in ("whole", "cut"))
    keys = client(store).get_run(whole).data.metrics
    assert keys.keys() == client(store).get_run(cut).data.metrics.keys()
    for key in keys:
        if "seconds" not in key:
            assert history(store, cut, key) == history(store, whole, key), key
    assert {file.name for file in (tmp_path / "cut").iterdir()} == {f.name for f in (tmp_path / "whole").iterdir()}


def test_sync_waits_for_no_run_that_goes_on_and_says_where_there_is_nothing(folder):
    from transfer.output import output_lock

    Spool(ABOUT, folder).put("metrics", [("loss", 0.5, 17, 0)])
    with output_lock(folder), pytest.raises(UserError, match="another process is at work"):
        sync(folder)
    with pytest.raises(UserError, match="there is no folder"):
        sync(folder / "nowhere")
