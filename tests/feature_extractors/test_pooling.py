"""Pooling over real frames, against numpy clip by clip."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_extractors.pooling import masked_max, masked_mean


@pytest.mark.parametrize(("pool", "reference"), [(masked_mean, np.mean), (masked_max, np.max)])
@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_pooling_sees_the_real_frames_alone(pool, reference, lengths):
    x = torch.randn(len(lengths), 3, 9) - 5
    valid = torch.arange(9) < torch.tensor(lengths)[:, None]
    pooled = pool(x.masked_fill(~valid[:, None], float("nan")), valid)
    for n, length in enumerate(lengths):
        np.testing.assert_allclose(pooled[n], reference(x[n, :, :length].numpy(), axis=-1), rtol=1e-5)
    torch.testing.assert_close(pool(x, None), pool(x, torch.ones_like(valid)))


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_a_mean_in_16_bits_does_not_overflow_where_a_clip_is_padded(half):
    x = torch.full((2, 3, 400), -300.0, dtype=half)
    pooled = masked_mean(x, torch.arange(400) < torch.tensor([[400], [399]]))
    assert pooled.dtype == half
    torch.testing.assert_close(pooled.float(), torch.full((2, 3), -300.0), rtol=1e-2, atol=0)
