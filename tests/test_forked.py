"""Modules whose tests fork are run in a fresh process: a fork of one that has threads can wait for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="without xdist they run as any other")
@pytest.mark.parametrize("module", ["test_processes.py", "test_shards.py"])
def test_what_forks_passes_by_itself(module):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", str(Path(__file__).with_name(module))],
        env=own, capture_output=True, text=True, timeout=500, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
