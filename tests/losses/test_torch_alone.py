"""The wheel in a fresh environment that has torch and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPT = """
import warnings
warnings.simplefilter("ignore")  # torch misses numpy
import torch
from losses import CDAN, LOSSES, MDD, MMD

pair = torch.rand(6, 4, requires_grad=True), torch.rand(5, 4)
logits = torch.rand(6, 3), torch.rand(5, 3)
labels = torch.arange(6) % 3, torch.arange(5) % 3
MMD()(*pair).backward()
calls = {
    "ccc": (torch.rand(6), torch.rand(6)),
    "cdan": (*pair, *logits),
    "contrastive": (*pair, *labels),
    "cross_entropy": (logits[0], labels[0]),
    "focal": (logits[0], labels[0]),
    "jmmd": ([pair[0]], [pair[1]]),
    "lmmd": (*pair, labels[0], logits[1]),
    "mdd": (*pair, *logits),
    "reconstruction": (torch.rand(2, 3, 4), torch.rand(2, 3, 4)),
} | {name: logits[:1] for name in ("bnm", "diversity", "entropy", "information_maximisation", "mcc")}
options = {"dann": (4,), "wasserstein_critic": (4,), "cdan": (4, 3), "mdd": (4, 3)}
for name, kind in LOSSES.items():
    try:
        assert kind(*options.get(name, ()))(*calls.get(name, pair)).isfinite(), name
    except ImportError as error:
        assert name == "sinkhorn" and "pip install geomloss" in str(error), name
        print("only", name, "needs more")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv makes the environment")
def test_every_loss_but_that_of_geomloss_works_with_torch_alone(tmp_path):
    def run(*command):
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)

    run("uv", "build", "--wheel", "--out-dir", str(tmp_path))
    run("uv", "venv", "--python", sys.executable, str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    run("uv", "pip", "install", "--python", python, f"torch=={torch.__version__.split('+')[0]}")
    run("uv", "pip", "install", "--python", python, "--no-deps", *map(str, tmp_path.glob("*.whl")))
    result = subprocess.run([python, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.stdout == "only sinkhorn needs more\n", result.stderr
