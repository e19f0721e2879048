"""Feature warping: ranks of a group's own values, as normal deviates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri
from scipy.stats import rankdata

from transfer.data.normalisation import Normaliser
from transfer.data.warping import MOST_KNOTS, Ranks
from transfer.errors import RecipeError

VALUES = arrays(np.float32, (12, 2), elements=st.integers(-5, 5).map(float))


def warped(clips):
    ranks = Ranks.of(clips)
    return np.concatenate([ranks.apply(clip) for clip in clips])


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_own_values_become_the_normal_deviates_of_their_mean_ranks(values):
    found = warped(np.split(values, 4))
    np.testing.assert_allclose(found, ndtri((rankdata(values, axis=0) - 0.5) / len(values)), atol=1e-6)


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_a_monotone_change_of_a_channel_changes_nothing(values):
    np.testing.assert_allclose(warped([values]), warped([np.exp(values / 2) * 7 - 100]), atol=1e-5)


def test_values_in_between_lie_on_a_line_and_values_outside_on_the_ends():
    knots = np.array([[0.0], [1.0], [4.0], [9.0]], np.float32)
    new = np.array([[-50.0], [0.25], [1.0], [6.5], [50.0]], np.float32)
    places = np.interp(new[:, 0], knots[:, 0], (np.arange(4) + 0.5) / 4)
    np.testing.assert_allclose(Ranks.of([knots]).apply(new)[:, 0], ndtri(places), atol=1e-6)


def test_a_channel_that_never_changes_is_zero():
    clip = np.full((9, 1), 3.7, np.float32)
    assert not warped([clip]).any()


def test_many_frames_are_kept_as_quantiles_and_warp_to_a_normal_distribution():
    values = np.random.default_rng(0).gamma(0.5, size=(20_000, 2)).astype(np.float32)
    ranks = Ranks.of([values])
    assert ranks.knots.shape == (2, MOST_KNOTS)
    np.testing.assert_allclose(
        ranks.knots, np.quantile(values, (np.arange(256) + 0.5) / 256, axis=0, method="hazen").T, rtol=1e-4
    )
    found = ranks.apply(values)
    assert found.mean(0) == pytest.approx(0, abs=0.01)
    assert found.std(0) == pytest.approx(1, abs=0.02)


def test_each_speaker_is_warped_by_the_own_clips_alone_and_no_checkpoint_keeps_them():
    import pandas as pd

    clips = [np.array([[value]], np.float32) for value in (1, 2, 3, 100, 300, 200)]
    slices = pd.DataFrame({"corpus": "c", "speaker": list("aaabbb")})
    normaliser = Normaliser("speaker", warping=True).fit(slices, lambda i: clips[i])
    found = [float(normaliser.apply("c", who, clip)[0, 0]) for who, clip in zip("aaabbb", clips, strict=True)]
    high = ndtri(5 / 6)
    assert found == pytest.approx([-high, 0, high, -high, high, 0])
    assert normaliser.tensors() == {}


def test_no_clips_are_refused():
    with pytest.raises(RecipeError, match="no clip to take ranks from"):
        Ranks.of([])


@pytest.mark.parametrize("kind", ["none", "clip", "train", "corpus"])
def test_a_recipe_that_ranks_nobody_s_own_clips_is_refused(kind):
    from transfer.recipe import Recipe

    with pytest.raises(ValueError, match=f"normalisation is {kind}"):
        Recipe(name="a", strategy={"name": "scratch"}, target={"corpus": "b"}, normalisation=kind, warping=True)
