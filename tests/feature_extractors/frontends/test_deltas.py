"""Deltas against librosa's, and where librosa gives none."""

import librosa
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_extractors.frontends.deltas import deltas


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 40), st.integers(0, 99))
def test_deltas_are_librosas_with_width_3(frames, seed):
    x = np.random.default_rng(seed).standard_normal((13, frames))
    np.testing.assert_allclose(deltas(torch.from_numpy(x)), librosa.feature.delta(x, width=3), atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=4))
def test_deltas_of_a_padded_batch_are_those_of_each_clip(lengths):
    x = torch.randn(len(lengths), 2, max(lengths))
    batched = deltas(x, torch.tensor(lengths))
    for n, length in enumerate(lengths):
        assert torch.equal(batched[n, :, :length], deltas(x[n, :, :length]))


def test_short_clips_have_the_slope_between_their_frames():
    assert deltas(torch.tensor([[1.0, 4.0]])).tolist() == [[3.0, 3.0]]
    assert deltas(torch.tensor([[7.0]])).tolist() == [[0.0]]
