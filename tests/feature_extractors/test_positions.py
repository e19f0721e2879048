"""Sinusoidal positions against the formula."""

import math

import pytest
import torch

from feature_extractors.positions import sinusoidal_positions


@pytest.mark.parametrize("dim", [8, 7])
def test_positions_are_the_published_formula(dim):
    positions = sinusoidal_positions(30, dim, like=torch.zeros((), dtype=torch.float64))
    for t in range(30):
        for c in range(dim):
            angle = t / 10000 ** ((c - c % 2) / dim)
            assert positions[c, t].item() == pytest.approx(math.cos(angle) if c % 2 else math.sin(angle), abs=1e-12)


def test_every_frame_of_a_long_clip_has_its_own_even_in_half_precision():
    positions = sinusoidal_positions(3000, 256, like=torch.zeros((), dtype=torch.bfloat16))
    assert positions.dtype == torch.bfloat16
    assert len(positions.T.unique(dim=0)) == 3000


def test_a_longer_clip_begins_with_the_positions_of_a_shorter_one():
    assert torch.equal(sinusoidal_positions(50, 16)[:, :20], sinusoidal_positions(20, 16))
