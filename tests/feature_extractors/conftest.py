"""Weights and inputs of these tests are random, and the same in every run."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    """Seed torch before every test."""
    torch.manual_seed(0)
