"""Device and precision are what the recipe asks for, or it is refused."""

import os
import subprocess
import sys

import pytest
import torch

from transfer.device import build_fabric
from transfer.errors import RecipeError
from transfer.recipe import Compute


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
@pytest.mark.parametrize("asked", [{"precision": "tf32"}, {"precision": "16-mixed"}, {"compile": "cuda_graphs"}])
def test_what_needs_a_gpu_is_refused_without_one(asked):
    with pytest.raises(RecipeError, match=r"needs an? (NVIDIA )?GPU"):
        build_fabric(Compute(**asked))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("precision", "rough"), [("32-true", False), ("tf32", True)])
def test_32_bits_are_32_bits_unless_tf32_was_asked_for(precision, rough):
    build_fabric(Compute(precision=precision))
    assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is rough
    x = torch.randn(256, 256, device="cuda")
    error = (x @ x - (x.double() @ x.double()).float()).abs().max().item()
    assert (error > 1e-3) is rough


def test_steps_do_not_look_for_a_driver_on_the_disk():
    build_fabric(Compute(accelerator="cpu"))
    assert "PYTORCH_NVML_BASED_CUDA_CHECK" not in os.environ


EXACT = """
import sys, torch
from transfer.device import build_fabric
from transfer.recipe import Compute
build_fabric(Compute(accelerator=sys.argv[1], deterministic=True))
x = torch.zeros(3, device="cuda" if sys.argv[1] == "gpu" else "cpu")
x.index_add_(0, torch.zeros(4, dtype=torch.long, device=x.device), torch.ones(4, device=x.device))
if sys.argv[1] == "gpu":
    x.put_(torch.zeros(2, dtype=torch.long, device="cuda"), torch.ones(2, device="cuda"))  # has no such form
print(torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic)
"""


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("gpu", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)
def test_a_deterministic_run_uses_what_gives_the_same_bits_again_and_nothing_else(device):
    done = subprocess.run([sys.executable, "-c", EXACT, device], capture_output=True, text=True, check=False)
    if device == "gpu":
        assert "put_" in done.stderr
        assert "deterministic" in done.stderr
    else:
        assert done.stdout.split() == ["True", "True"], done.stderr


CODE = """
import resource, torch
from transfer.device import reuse_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(10_000_000) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(min(faults() for _ in range(3)), reuse_memory(), [faults() for _ in range(30)][-1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a switch of glibc")
def test_memory_that_tensors_leave_is_used_again():
    out = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, text=True).stdout.split()
    before, switched, after = int(out[0]), out[1], int(out[2])  # pages of 4 KiB: four tensors have 39,000
    assert switched == "True"
    assert after < 1000 < 10_000 < before  # the first rounds leave gaps that are too small, and the heap grows


def test_memory_is_left_alone_where_the_recipe_says_so(monkeypatch):
    called = []
    monkeypatch.setattr("transfer.device.reuse_memory", lambda: called.append(True))
    build_fabric(Compute(accelerator="cpu", reuse_memory=False))
    assert not called
    build_fabric(Compute(accelerator="cpu"))
    assert called
