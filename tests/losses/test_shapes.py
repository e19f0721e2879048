"""What the checks of shapes let through, and what they say of the rest."""

import numpy as np
import pytest
import torch

from losses import CORAL, MMD
from losses.shapes import check_labels, check_logits, check_pair


def test_matrices_of_one_width_pass_whatever_their_rows():
    check_pair(torch.zeros(1, 3), torch.zeros(7, 3))


@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((2, 3), (2, 4)), ((2, 3, 4), (2, 3, 4)), ((0, 3), (2, 3)), ((2, 0), (2, 0))]
)
def test_other_pairs_are_refused_with_their_shapes(shapes):
    with pytest.raises(ValueError, match=r"source has shape \(.*\) and target \(.*expected"):
        check_pair(*map(torch.zeros, shapes))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 1), (2, 3, 4)])
def test_other_logits_are_refused_with_their_shape(shape):
    with pytest.raises(ValueError, match=r"logits have shape \("):
        check_logits(torch.zeros(shape))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [-100, 2]])
def test_label_outside_the_classes_is_refused_and_none_ignored(labels):
    with pytest.raises(ValueError, match=f"labels run from {min(labels)} to {max(labels)}; expected 0 to 2"):
        check_labels(torch.zeros(2, 3), torch.tensor(labels))


def test_labels_of_another_shape_or_kind_are_refused():
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        check_labels(torch.zeros(2, 3), torch.tensor([[0], [1]]))
    with pytest.raises(TypeError, match=r"use labels.long\(\)"):
        check_labels(torch.zeros(2, 3), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.float64), "source is torch.float32 and target torch.float64"),
        (torch.zeros(3, 4).long(), torch.zeros(3, 4).long(), "source is torch.int64"),
        (np.zeros((3, 4)), torch.zeros(3, 4), "source is float64 and target torch.float32"),
        ([[1.0]], torch.zeros(3, 1), "source is list"),
    ],
)
def test_pairs_of_other_kinds_of_numbers_are_refused(source, target, says):
    for loss in (check_pair, MMD(), CORAL()):
        with pytest.raises(TypeError, match=says):
            loss(source, target)
