"""Cross-entropy and focal loss against numpy from the formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from losses import CrossEntropy, Focal, classification
from losses.classification import cross_entropy, focal

WEIGHTS = [0.5, 1.0, 2.0, 4.0]


def sample(n=9, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator, dtype=torch.float64) * 3
    return logits, torch.randint(0, classes, (n,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_that_of_the_formula(smoothing, weights):
    logits, labels = sample()
    log_p, w = log_softmax(logits.numpy(), 1), np.array(weights or [1.0] * 4)
    q = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    expected = -(w * q * log_p).sum() / w[labels].sum()
    value = CrossEntropy(label_smoothing=smoothing, class_weights=weights)(logits, labels)
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_is_that_of_the_formula(gamma, weights):
    logits, labels = sample()
    log_p, w = log_softmax(logits.numpy(), 1)[np.arange(9), labels], np.array(weights or [1.0] * 4)[labels]
    expected = (-w * (1 - np.exp(log_p)) ** gamma * log_p).sum() / w.sum()
    assert Focal(gamma=gamma, class_weights=weights)(logits, labels).item() == pytest.approx(expected)


def test_focal_without_gamma_is_the_cross_entropy():
    logits, labels = sample()
    weights = torch.tensor(WEIGHTS)
    torch.testing.assert_close(
        focal(logits, labels, gamma=0.0, class_weights=weights), cross_entropy(logits, labels, class_weights=weights)
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 5), st.integers(0, 10**6))
def test_focal_lies_between_zero_and_the_cross_entropy(gamma, seed):
    logits, labels = sample(seed=seed)
    assert 0 <= focal(logits, labels, gamma=gamma) <= cross_entropy(logits, labels) + 1e-12


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0])
def test_focal_has_a_finite_gradient_where_a_row_is_certainly_right(gamma):
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(focal(logits, torch.tensor([0]), gamma=gamma), logits)
    assert grad.isfinite().all()


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
def test_no_label_is_ignored(loss):
    logits, labels = sample()
    labels[0] = -100
    with pytest.raises(ValueError, match="labels run from -100"):
        loss(logits, labels)


def test_label_that_torch_ignores_by_default_is_refused_even_where_values_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(classification, "check_labels", lambda logits, labels: None)  # as on a GPU
    logits, labels = sample()
    labels[0] = -100
    with pytest.raises(IndexError, match="-100"):
        cross_entropy(logits, labels)


def test_mixed_labels_give_the_mixed_cross_entropy():
    logits, labels = sample()
    other = labels.roll(1)
    mixed = 0.3 * torch.eye(4).double()[labels] + 0.7 * torch.eye(4).double()[other]
    expected = 0.3 * cross_entropy(logits, labels) + 0.7 * cross_entropy(logits, other)
    torch.testing.assert_close(cross_entropy(logits, mixed), expected)


def test_weights_follow_the_module_and_stay_out_of_its_state():
    loss = CrossEntropy(class_weights=WEIGHTS).to(torch.float64)
    assert loss.class_weights.dtype == torch.float64
    assert loss.state_dict() == {}


@pytest.mark.parametrize("weights", [[1.0, 0.0], [1.0, -1.0], [1.0, float("nan")], [[1.0, 1.0]]])
def test_weights_that_are_not_positive_are_refused(weights):
    with pytest.raises(ValueError, match="expected a positive number for each class"):
        Focal(class_weights=weights)


def test_options_and_shapes_that_do_not_fit_are_refused():
    logits, labels = sample()
    with pytest.raises(ValueError, match=r"label_smoothing is 1\.5"):
        CrossEntropy(label_smoothing=1.5)
    with pytest.raises(ValueError, match="gamma is -1"):
        Focal(gamma=-1.0)
    with pytest.raises(ValueError, match="2 class weights for 4 classes"):
        CrossEntropy(class_weights=[1.0, 1.0])(logits, labels)
    with pytest.raises(ValueError, match="labels have shape"):
        cross_entropy(logits, torch.rand(9, 3))
    with pytest.raises(TypeError, match="integer"):
        focal(logits, torch.rand(9))
