"""Heads that are fitted at once decide as scikit-learn's classifiers do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.svm import SVC

from feature_extractors import Frames
from feature_extractors.fitted_heads import LinearSVMHead, LogisticHead


def clips(seed, classes, n=40, features=5):
    """Return overlapping Gaussian classes with a few clips more of the first."""
    rng = np.random.default_rng(seed)
    y = np.concatenate(
        [
            np.arange(classes),
            rng.choice(classes, n - classes, p=np.arange(classes, 0, -1) / (classes * (classes + 1) / 2)),
        ]
    )
    return rng.normal(size=(n, features)) + 1.5 * np.eye(classes, features)[y], y


def logits(head, x):
    """Return the logits of embeddings."""
    features = torch.from_numpy(x).float()[:, :, None]
    return head(Frames(features, torch.ones(len(x), dtype=torch.long)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5), c=st.sampled_from([0.01, 1.0]))
def test_the_svm_decides_as_libsvm(seed, classes, c):
    x, y = clips(seed, classes)
    other, _ = clips(seed + 1, classes)
    head = LinearSVMHead(in_features=5, classes=classes, c=c)
    assert head.fit(torch.from_numpy(x).float(), torch.from_numpy(y), ["s"] * len(y)) == c
    reference = SVC(kernel="linear", C=c, class_weight="balanced").fit(x.astype(np.float32), y)
    sure = np.abs(reference.decision_function(other)).min() > 1e-5 if classes == 2 else True
    if sure:
        np.testing.assert_array_equal(logits(head, other).argmax(1).numpy(), reference.predict(other))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5))
def test_logistic_regression_has_the_probabilities_of_scikit_learn(seed, classes):
    x, y = clips(seed, classes)
    head = LogisticHead(in_features=5, classes=classes, c=0.5)
    head.fit(torch.from_numpy(x).float(), torch.from_numpy(y), ["s"] * len(y))
    reference = LogisticRegression(C=0.5, class_weight="balanced", solver="newton-cg", tol=1e-8, max_iter=5000).fit(
        x, y
    )
    np.testing.assert_allclose(logits(head, x).softmax(1).numpy(), reference.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("kind", [LinearSVMHead, LogisticHead])
@pytest.mark.parametrize("lacking", [0, 1, 3])
def test_a_class_without_clips_never_wins(kind, lacking):
    x, y = clips(0, 4, n=60)
    x, y = x[y != lacking], y[y != lacking]
    head = kind(in_features=5, classes=4)
    head.fit(torch.from_numpy(x).float(), torch.from_numpy(y), ["s"] * len(y))
    decided = logits(head, x).argmax(1).numpy()
    assert lacking not in decided
    assert recall_score(y, decided, average="macro") > 0.6


def test_c_is_the_one_that_serves_the_speakers_left_out_best():
    x, y = clips(3, 3, n=90)
    speakers = np.array([f"s{i % 6}" for i in range(len(y))])
    x = x + np.random.default_rng(0).normal(0, 2, (6, 5))[np.arange(len(y)) % 6]
    choices, scores = [0.0001, 0.01, 1.0, 100.0], []
    for c in choices:
        decided = np.empty(len(y), int)
        for s in set(speakers):
            own = speakers == s
            decided[own] = SVC(kernel="linear", C=c, class_weight="balanced").fit(x[~own], y[~own]).predict(x[own])
        scores.append(recall_score(y, decided, average="macro"))
    head = LinearSVMHead(in_features=5, classes=3, c=choices)
    assert head.fit(torch.from_numpy(x), torch.from_numpy(y), list(speakers)) == choices[int(np.argmax(scores))]
    with pytest.raises(ValueError, match="leaving speakers out, and there is one"):
        head.fit(torch.from_numpy(x), torch.from_numpy(y), ["s"] * len(y))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="c is 0; expected a positive number"):
        LogisticHead(in_features=5, classes=2, c=0)
    with pytest.raises(ValueError, match="all of these are of one"):
        LogisticHead(in_features=2, classes=2).fit(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), ["s"] * 3)


def test_nothing_of_a_fitted_head_takes_a_gradient():
    assert not any(p.requires_grad for p in LinearSVMHead(in_features=5, classes=3).parameters())
