"""Statistics come from where the recipe says, and from nowhere else."""

import numpy as np
import pandas as pd
import pytest

from transfer.data.normalisation import Moments, Normaliser
from transfer.errors import RecipeError

RNG = np.random.default_rng(0)
CLIPS = [RNG.normal(10 * i, 1 + i, (20 + i, 3)).astype(np.float32) for i in range(6)]
TABLE = pd.DataFrame(
    {
        "corpus": ["a", "a", "b", "b", "b", "b"],
        "speaker": ["s", "t", "s", "s", "u", "u"],
        "labelled": [True, False, True, False, False, False],
        "visible": [True, True, True, True, False, False],
    }
)


def fitted(kind, clips=CLIPS):
    return Normaliser(kind).fit(TABLE, lambda i: clips[i])


def test_train_uses_labelled_training_slices_alone():
    expected = np.concatenate([CLIPS[0], CLIPS[2]])
    moments = fitted("train").moments["all"]
    assert moments.mean == pytest.approx(expected.mean(0), rel=1e-5)
    assert moments.std == pytest.approx(expected.std(0), rel=1e-5)


def test_corpus_uses_what_training_may_hear_of_each_corpus():
    moments = fitted("corpus").moments
    assert set(moments) == {"a", "b"}
    assert moments["b"].mean == pytest.approx(np.concatenate(CLIPS[2:4]).mean(0), rel=1e-5)


def test_speakers_of_two_corpora_are_two_speakers():
    moments = fitted("speaker").moments
    assert set(moments) == {"a/s", "a/t", "b/s", "b/u"}
    assert moments["b/u"].mean == pytest.approx(np.concatenate(CLIPS[4:]).mean(0), rel=1e-5)


@pytest.mark.parametrize("kind", ["train", "corpus"])
def test_a_test_clip_cannot_change_the_statistics(kind):
    changed = [*CLIPS[:4], CLIPS[4] * 100, CLIPS[5] * 100]
    before, after = fitted(kind), fitted(kind, changed)
    for group, moments in before.moments.items():
        assert np.array_equal(moments.mean, after.moments[group].mean)


def test_standardised_training_frames_have_mean_zero_and_deviation_one():
    norm = fitted("train")
    frames = np.concatenate([norm.apply("a", "s", CLIPS[0]), norm.apply("b", "s", CLIPS[2])])
    assert frames.mean(0) == pytest.approx(0, abs=1e-5)
    assert frames.std(0) == pytest.approx(1, abs=1e-3)


def test_none_leaves_the_clip_and_clip_uses_its_own():
    assert fitted("none").apply("a", "s", CLIPS[0]) is CLIPS[0]
    assert fitted("clip").apply("a", "s", CLIPS[5]).mean(0) == pytest.approx(0, abs=1e-5)


def test_a_group_without_statistics_is_named():
    with pytest.raises(RecipeError, match="no statistics for 'c'"):
        fitted("corpus").apply("c", "s", CLIPS[0])


def test_checkpoints_keep_no_speakers():
    assert fitted("speaker").tensors() == {}
    assert set(fitted("corpus").tensors()) == {"a.mean", "a.std", "b.mean", "b.std"}


def test_a_long_corpus_loses_nothing_in_float32():
    clips = [np.full((100_000, 1), 1000.0, np.float32), np.full((100_000, 1), 1000.5, np.float32)]
    moments = Moments.of(clips)
    assert moments.mean[0] == pytest.approx(1000.25, abs=1e-9)
    assert moments.std[0] == pytest.approx(0.25, abs=1e-9)
