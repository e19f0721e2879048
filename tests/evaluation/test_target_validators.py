"""Criteria of the target's own outputs: as pytorch-adapt has them, and as their definitions say."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import entropy
from sklearn.metrics import adjusted_mutual_info_score

from transfer.evaluation.target_validators import (
    class_clusters,
    class_confusion,
    confidence,
    effective_rank,
    mutual_information,
    nuclear_norm,
    prediction_diversity,
    soft_neighbourhood_density,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns of its own dependencies
    theirs = pytest.importorskip("pytorch_adapt.validators")

OF_LOGITS = [
    confidence,
    prediction_diversity,
    mutual_information,
    nuclear_norm,
    class_confusion,
    soft_neighbourhood_density,
]


def outputs(rows=40, classes=5, width=8, seed=0, scale=2.0):
    """Return features and logits."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator), scale * torch.randn(rows, classes, generator=generator)


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (confidence, "EntropyValidator"),
        (prediction_diversity, "DiversityValidator"),
        (mutual_information, "IMValidator"),
        (nuclear_norm, "BNMValidator"),
    ],
)
def test_scores_of_logits_are_those_of_pytorch_adapt(own, name):
    _, logits = outputs()
    expected = getattr(theirs, name)()(target_train={"logits": logits})
    assert own(logits) == pytest.approx(float(expected), abs=1e-5)


def test_density_of_soft_neighbourhoods_is_that_of_pytorch_adapt_and_of_numpy():
    _, logits = outputs()
    expected = theirs.SNDValidator()(target_train={"preds": logits.softmax(1)})
    assert soft_neighbourhood_density(logits) == pytest.approx(float(expected), rel=1e-4)
    p = softmax(logits.double().numpy(), axis=1)
    cosine = 1 - cdist(p, p, "cosine")
    rows = [np.delete(row, i) for i, row in enumerate(cosine)]
    assert soft_neighbourhood_density(logits) == pytest.approx(
        np.mean([entropy(softmax(row / 0.05)) for row in rows]), rel=1e-9
    )


def test_class_clusters_are_those_of_pytorch_adapt():
    features, logits = outputs(rows=60)
    features[:, :5] += 2 * logits  # clusters that have something to do with the classes
    reference = theirs.ClassClusterValidator(centroid_init="label_centers")
    expected = reference(target_train={"features": features, "logits": logits})
    assert class_clusters(features, logits) == pytest.approx(float(expected), abs=1e-6)
    assert 0.05 < class_clusters(features, logits) < 1


def test_clusters_that_cross_the_classes_score_nothing():
    features = torch.tensor([[0.0], [0.1], [5.0], [5.1]]).repeat(10, 1)
    across, along = torch.eye(2)[[0, 1, 0, 1] * 10], torch.eye(2)[[0, 0, 1, 1] * 10]
    assert class_clusters(features, along) == pytest.approx(1)
    assert class_clusters(features, across) < 0.1
    assert class_clusters(torch.zeros(40, 1), along) == 0, "features that have collapsed"
    assert class_clusters(features, torch.eye(2)[[0] * 40]) == 0, "one class for all"
    assert adjusted_mutual_info_score([0, 1], [0, 0]) == 0


def test_class_confusion_is_none_where_every_prediction_is_sure():
    _, logits = outputs()
    assert class_confusion(1e4 * logits) == pytest.approx(0, abs=1e-6)
    assert class_confusion(torch.zeros(8, 5)) == pytest.approx(1 / 5 - 1)


def test_effective_rank_counts_directions():
    x, _ = outputs(rows=200)
    s = np.linalg.svd(x.double().numpy(), compute_uv=False)
    assert effective_rank(x) == pytest.approx(math.exp(entropy(s / s.sum())))
    assert effective_rank(x[:, :1] @ torch.ones(1, 8)) == pytest.approx(1, abs=1e-3), "collapsed"
    assert effective_rank(torch.zeros(5, 3)) == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(3, 30), classes=st.integers(2, 6), scale=st.floats(0.01, 50), seed=st.integers(0, 9))
def test_scores_ignore_the_order_of_slices_and_stay_within_their_bounds(rows, classes, scale, seed):
    features, logits = outputs(rows, classes, seed=seed, scale=scale)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    for score in OF_LOGITS:
        assert score(logits) == pytest.approx(score(logits[order]), rel=1e-6, abs=1e-9), score.__name__
    top = math.log(classes) + 1e-9
    assert -top <= confidence(logits) <= 1e-9
    assert 0 <= prediction_diversity(logits) <= top
    assert -1e-9 <= mutual_information(logits) <= top
    assert 0 <= soft_neighbourhood_density(logits) <= math.log(rows - 1) + 1e-9
    assert 0 < nuclear_norm(logits) <= 1 + 1e-9
    assert 1 / classes - 1 - 1e-9 <= class_confusion(logits) <= 1e-9
    assert 1 - 1e-9 <= effective_rank(features) <= min(rows, 8) + 1e-9
