"""Decibels against librosa's."""

import librosa
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_extractors.frontends.decibels import power_to_db


@settings(deadline=None, max_examples=20)
@given(st.floats(-14, 6), st.integers(0, 99))
def test_decibels_are_librosas_clip_by_clip(exponent, seed):
    power = 10 ** np.random.default_rng(seed).uniform(-14, exponent, (3, 5, 4))
    ours = power_to_db(torch.from_numpy(power))
    for n in range(3):
        np.testing.assert_allclose(ours[n], librosa.power_to_db(power[n], ref=1.0, amin=1e-10, top_db=80.0), atol=1e-9)


def test_floor_of_a_clip_does_not_come_from_its_padding():
    power = torch.tensor([[[1.0], [1e-12], [1e9]]])
    db = power_to_db(power, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(db[0, :2, 0], torch.tensor([0.0, -80.0]))
