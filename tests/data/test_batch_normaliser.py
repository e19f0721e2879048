"""The standardisation on the device gives the numbers of the cached path."""

import numpy as np
import pandas as pd
import pytest
import torch

from transfer.data.batch_normaliser import BatchNormaliser
from transfer.data.normalisation import Normaliser


@pytest.mark.parametrize(
    ("kind", "warping"),
    [*((kind, False) for kind in ("none", "clip", "train", "corpus", "speaker")), ("speaker", True)],
)
def test_a_batch_is_standardised_as_its_clips_are_one_by_one(kind, warping):
    generator = np.random.default_rng(0)
    lengths = [7, 3, 12, 5, 9, 4]
    scale = np.array([1, 50, 1e-3])
    clips = [(generator.standard_normal((n, 3)) * scale + [0, -400, 3]).astype(np.float32) for n in lengths]
    slices = pd.DataFrame(
        {
            "corpus": list("aaabbb"),
            "speaker": list("stsstt"),
            "part": "train",
            "labelled": [True] * 4 + [False] * 2,
            "visible": True,
        }
    )
    normaliser = Normaliser(kind, warping=warping).fit(slices, lambda i: clips[i])
    own = slices[3:].reset_index(drop=True)
    rows = torch.tensor([2, 0])
    batch = torch.zeros(2, 3, 9)
    for place, row in enumerate(rows.tolist()):
        clip = clips[3 + row]
        batch[place, :, : len(clip)] = torch.from_numpy(clip.T)
    counts = torch.tensor(lengths)[3:][rows]
    found = BatchNormaliser(normaliser, own, torch.device("cpu"))(batch, counts, rows)
    assert found.dtype == torch.float32
    for place, row in enumerate(rows.tolist()):
        n = counts[place]
        expected = normaliser.apply("b", own["speaker"][row], clips[3 + row])
        np.testing.assert_allclose(found[place, :, :n].T, expected, atol=1e-5)
        assert not found[place, :, n:].any()


def test_a_slice_that_training_never_hears_may_have_no_statistics():
    slices = pd.DataFrame({"corpus": ["a", "a"], "speaker": ["s", "t"], "labelled": True, "visible": True})
    normaliser = Normaliser("speaker").fit(slices[:1], lambda i: np.array([[0.0], [2.0]]))
    normalise = BatchNormaliser(normaliser, slices, torch.device("cpu"))
    assert normalise(torch.tensor([[[3.0]]]), torch.tensor([1]), torch.tensor([0])).item() == pytest.approx(2, abs=1e-4)
