"""A run on two processes: the record, the folder and the scores of one; signals and resumption."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.processes import BY_ITSELF, together
from transfer import run
from transfer.comparing import compare
from transfer.errors import UserError
from transfer.evaluation.predictions import read_predictions
from transfer.experiment import resume_run
from transfer.keeper import Keeper
from transfer.output import partial_folder

pytestmark = BY_ITSELF
SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1 to run")
CALM = ["extractor.dropout=0", "head.dropout=0", "tracking.kind=none"]
EVERY_STEP = ["training.save_steps=1", "training.save_seconds=0"]


class Cut(BaseException):
    """Stands for a power cut."""


def joined(rank):
    """Let this process believe that torchrun began it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}


def probabilities(folder):
    table = read_predictions(folder / "predictions.parquet")
    return table[[name for name in table if name.startswith("p_")]].to_numpy()


def test_two_processes_write_one_run_with_the_predictions_of_one(tiny, tmp_path):
    run(tiny, CALM, synthetic=True, out=tmp_path / "one")

    def one_of_two(rank):
        joined(rank)
        return run(tiny, CALM, synthetic=True, out=tmp_path / "two" / "run")["folder"]

    (tmp_path / "meetings").mkdir()
    assert together(2, one_of_two, tmp_path / "meetings") == [str(tmp_path / "two" / "run")] * 2
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["run"]
    assert {p.name for p in (tmp_path / "two" / "run").iterdir()} == {p.name for p in (tmp_path / "one").iterdir()}
    np.testing.assert_allclose(probabilities(tmp_path / "two" / "run"), probabilities(tmp_path / "one"), atol=1e-4)
    assert json.loads((tmp_path / "two" / "run" / "summary.json").read_text())["processes"] == 2


def test_two_processes_that_were_cut_go_on_to_the_same_bits(tiny, tmp_path, monkeypatch):
    more = [*EVERY_STEP, "tracking.kind=none"]  # with dropout: what shares draw goes on too
    original, seen = Keeper.step, [0]

    def step(self, *args, **options):
        original(self, *args, **options)
        seen[0] += 1
        if seen[0] == 4:
            raise Cut

    def whole_then_cut_then_on(rank):
        joined(rank)
        run(tiny, more, synthetic=True, out=tmp_path / "whole")
        monkeypatch.setattr(Keeper, "step", step)
        with pytest.raises(Cut):
            run(tiny, more, synthetic=True, out=tmp_path / "cut")
        monkeypatch.setattr(Keeper, "step", original)
        resume_run(tmp_path / "cut")

    (tmp_path / "meetings").mkdir()
    together(2, whole_then_cut_then_on, tmp_path / "meetings")
    assert np.array_equal(probabilities(tmp_path / "whole"), probabilities(tmp_path / "cut"))
    assert (tmp_path / "whole" / "history.json").read_text() == (tmp_path / "cut" / "history.json").read_text()


def test_many_runs_are_not_begun_by_torchrun(tiny, monkeypatch):
    joined_here = {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "x",
    }
    for name, value in joined_here.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="torchrun is for `transfer run`"):
        compare([str(tiny)], synthetic=True)


@SLOW
@pytest.mark.slow
def test_torchrun_stops_both_after_the_same_step_and_goes_on(tiny, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "transfer", "run"]
    more = ["tracking.kind=none", "training.epochs=40", *EVERY_STEP]
    process = subprocess.Popen(
        [*torchrun, str(tiny), *more, "--synthetic", "--out", "cut"], stderr=subprocess.PIPE, text=True
    )
    state = partial_folder(tmp_path / "cut") / "state.safetensors"
    while not state.is_file():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=100)[1]
    assert said.count("SIGTERM: the run is saved; go on with --resume") == 1, said
    assert state.is_file()
    subprocess.run([*torchrun, "--resume", "cut", "--json"], check=True, timeout=300)
    summary = json.loads((tmp_path / "cut" / "summary.json").read_text())
    assert summary["processes"] == 2
