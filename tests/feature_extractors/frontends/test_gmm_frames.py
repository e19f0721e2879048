"""The frames that Gaussian mixtures agree on."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from feature_extractors.frontends import MFCC, GMMFrames
from feature_extractors.frontends.gmm_frames import FLOOR, STEPS, TOLERANCE


def noise(samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def positions(kept, features):
    """Where each kept frame stands among all frames."""
    return [int((features == frame[:, None]).all(0).nonzero()[0, 0]) for frame in kept.T]


def test_kept_frames_are_frames_of_the_clip_in_time_order():
    x = noise(60000)
    kept = GMMFrames(mixtures=2, components=30)(x)
    at = positions(kept, MFCC()(x))
    assert kept.shape == (39, 30)
    assert at == sorted(set(at))


def test_votes_are_those_of_the_densest_frame_of_each_component():
    frames = np.random.default_rng(0).standard_normal((60, 4))
    votes, likelihood = np.zeros(60), np.zeros(60)
    for seed in (14, 15, 16, 17, 18, 19, 20):
        mixture = GaussianMixture(
            10, covariance_type="diag", init_params="k-means++", reg_covar=FLOOR, tol=TOLERANCE, max_iter=STEPS,
            random_state=seed,
        ).fit(frames)  # fmt: skip
        picked = {
            int(multivariate_normal(mean, np.diag(variance)).logpdf(frames).argmax())
            for mean, variance in zip(mixture.means_, mixture.covariances_, strict=True)
        }
        votes[list(picked)] += 1
        likelihood += mixture.score_samples(frames)
    ranked = sorted(range(60), key=lambda t: (-votes[t], -likelihood[t], t))
    kept = GMMFrames(mixtures=7, components=10, seed=2).picked(frames)
    assert kept.tolist() == sorted(ranked[:10])


def test_each_of_well_separated_clusters_keeps_its_centre():
    rng = np.random.default_rng(0)
    offsets = rng.standard_normal((8, 3))
    offsets = np.concatenate([offsets, -offsets, np.zeros((1, 3))])  # the centre itself comes last
    frames = np.concatenate([50 * centre + offsets for centre in rng.standard_normal((5, 3))])
    assert GMMFrames(components=5).picked(frames).tolist() == [16, 33, 50, 67, 84]


@pytest.mark.parametrize("samples", [512, 5000, 512 * 19 + 5])
def test_clips_of_no_more_frames_than_components_are_kept_whole(samples):
    x, front_end = noise(samples), GMMFrames(components=20)
    assert torch.equal(front_end(x), MFCC()(x))


def test_one_frame_more_than_components_drops_one():
    x = noise(512 * 20)
    kept = GMMFrames(mixtures=2, components=20)(x)
    assert MFCC()(x).shape[1] == 21
    assert len(set(positions(kept, MFCC()(x)))) == 20


@pytest.mark.parametrize("kind", ["silence", "mostly silence", "constant"])
def test_frames_that_are_all_alike_do_no_harm(kind):
    x = {"silence": np.zeros(40000), "mostly silence": np.r_[np.zeros(38000), noise(2000)], "constant": np.ones(40000)}
    kept = GMMFrames(mixtures=2, components=30)(x[kind].astype(np.float32))
    assert kept.shape == (39, 30)
    assert torch.isfinite(kept).all()


def test_the_selection_does_not_hang_on_the_loudness():
    x, front_end = noise(40000), GMMFrames(order=1, mixtures=2, components=30)
    soft, loud = positions(front_end(x), MFCC(order=1)(x)), positions(front_end(2 * x), MFCC(order=1)(2 * x))
    assert len({*soft} & {*loud}) >= 28  # rounding may decide between two frames that are as good


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="mixtures is 0 and components 100"):
        GMMFrames(mixtures=0)
