"""A comparison run in parts, as the jobs of a queue run it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from transfer.cli import app
from transfer.comparing import compare_suite, run_part
from transfer.errors import UserError
from transfer.suite import load_suite

SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1 to run")
PAGE = Path(__file__).parents[1] / "docs" / "clusters.md"


def suite(tiny, *more):
    arguments = [str(tiny), "strategy={name: scratch}", "training.epochs=1", "tracking.kind=none", *more]
    return load_suite(arguments, synthetic=True, seeds=2, controls=[])


def test_parts_run_every_trial_once_and_the_last_command_compares_them(tiny, tmp_path):
    asked = suite(tiny)
    assert run_part(asked, (2, 2), out="out")["finished"] == 1
    names = {path.parent.name for path in tmp_path.glob("out/runs/*/*/summary.json")}
    assert names == {"seed1"}
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/runs/*/*/summary.json")}
    done = run_part(asked, (1, 2), out="out")
    assert (done["finished"], done["planned"], done["failures"]) == (2, 2, [])
    assert run_part(asked, (1, 2), out="out")["finished"] == 2, "a part that is begun again goes on"
    found = compare_suite(asked, out="out", resume=True)
    assert found["systems"][0]["runs"] == 2
    assert {path: path.stat().st_mtime_ns for path in written} == written
    with pytest.raises(UserError, match="made for another suite"):
        run_part(suite(tiny, "training.batch_size=4"), (1, 2), out="out")


@pytest.mark.parametrize(
    ("part", "out", "message"),
    [
        ("0/2", ["--out", "o"], "expected such as 1/4"),
        ("3/2", ["--out", "o"], "1/4"),
        ("x", ["--out", "o"], "1/4"),
        ("1/2", [], "--out"),
    ],
)
def test_a_part_is_named_by_its_number_and_shares_a_folder(part, out, message):
    result = CliRunner().invoke(app, ["compare", "casia_to_modma_scratch", "--part", part, *out])
    assert message in str(result.exception)


def script(number):
    """Return a script of the page, its machinery left to plain processes."""
    text = re.findall(r"```sh\n(#!/bin/bash\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]
    return 'srun() { "$@"; }\ntransfer() { ' + sys.executable + ' -m transfer "$@"; }\n' + text


@SLOW
@pytest.mark.slow
def test_the_array_job_of_the_page_runs_as_plain_processes(tiny, tmp_path):
    (tmp_path / "suite.yaml").write_text(
        "recipes: [tiny.yaml]\nseeds: 3\nsynthetic: true\ncontrols: []\n"
        "overrides: {strategy: {name: scratch}, tracking.kind: none, training.epochs: 1}\n"
    )
    jobs = []
    for task in (1, 2):
        slurm = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        jobs.append(subprocess.Popen(["bash", "-ec", script(0)], env={**os.environ, **slurm, "HOME": str(tmp_path)}))
    assert [job.wait(300) for job in jobs] == [0, 0]
    assert len(list(tmp_path.glob("runs/comparison/runs/*/*/summary.json"))) == 3
    gather = [sys.executable, "-m", "transfer", "compare", "suite.yaml", "--resume", "--out", "runs/comparison"]
    subprocess.run(gather, check=True, timeout=300)
    assert (tmp_path / "runs" / "comparison" / "report.html").is_file()


@SLOW
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("torchrun") is None, reason="torchrun is not on the path")
def test_the_job_of_one_run_on_two_devices_runs_as_plain_processes(tiny, tmp_path):
    text = script(1).replace("RECIPE", "tiny.yaml --synthetic compute.accelerator=cpu tracking.kind=none")
    subprocess.run(
        ["bash", "-ec", text], env={**os.environ, "SLURM_GPUS": "2", "HOME": str(tmp_path)}, check=True, timeout=300
    )
    assert (tmp_path / "runs" / "mine" / "summary.json").is_file()
