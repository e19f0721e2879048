"""Shared set-up: one thread for each worker, a cache of its own, and where the real corpora are."""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep what tests cache away from the user's cache."""
    os.environ["TRANSFER_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of the real corpora, or skip."""
    folder = Path(os.environ.get("TRANSFER_CORPORA") or REPOSITORY.parent / "shared" / "corpora")
    if not (folder / "emovo").is_dir():
        pytest.skip(f"the real corpora are not at {folder}; set TRANSFER_CORPORA to the folder that holds emovo/ and nemo/")
    return folder.resolve()
