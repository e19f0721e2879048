"""Classification losses: cross-entropy and focal loss."""

# n rows, K classes.
from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_labels


@full_precision
def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    row_weights: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy with label smoothing and class weights; no label is ignored.

    .. math::
        L = \frac{\sum_i r_i \sum_k -w_k q_{ik} \log p_{ik}}{\sum_i r_i w_{y_i}}, \qquad
        q_{ik} = (1 - \epsilon) [k = y_i] + \epsilon / K

    with :math:`p` the softmax of the logits and :math:`w = r = 1` by default. Labels may also be probabilities; the
    denominator is then :math:`\sum_i r_i`.

    Reference: Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016.

    Args:
        logits: unnormalised class scores.
        labels: class indices, or probabilities.
        label_smoothing: the number epsilon, in [0, 1].
        class_weights: a weight w for each class.
        row_weights: a weight r for each row: its share in a mix.

    Shape:
        logits (n, K), labels (n,) or (n, K), class_weights (K,), row_weights (n,); the result is a scalar.

    Returns:
        The cross-entropy in nats.

    Raises:
        ValueError: for other shapes, and on the CPU for a label outside 0 to K - 1.

    Example:
        >>> import torch
        >>> cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3]))
        tensor(1.3863)
    """
    if not labels.is_floating_point():
        check_labels(logits, labels)
    elif labels.shape != logits.shape:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; expected indices (n,), or {tuple(logits.shape)}")
    _check_class_weights(logits, class_weights)
    if class_weights is not None:
        class_weights = class_weights.to(logits)
    # torch would skip -100 in silence; no label has this value.
    nothing = torch.iinfo(torch.int64).min
    entropy = partial(F.cross_entropy, weight=class_weights, label_smoothing=label_smoothing, ignore_index=nothing)
    if row_weights is None:
        return entropy(logits, labels)
    _check_row_weights(logits, row_weights)
    counted = class_weights is not None and not labels.is_floating_point()
    weights = row_weights * class_weights[labels] if counted else row_weights  # type: ignore[index]
    return (row_weights * entropy(logits, labels, reduction="none")).sum() / weights.sum()


@full_precision
def focal(
    logits: Tensor,
    labels: Tensor,
    *,
    gamma: float = 2.0,
    class_weights: Tensor | None = None,
    row_weights: Tensor | None = None,
) -> Tensor:
    r"""Focal loss: cross-entropy in which what is already right counts less.

    .. math::
        L = \frac{\sum_i -r_i w_{y_i} (1 - p_i)^\gamma \log p_i}{\sum_i r_i w_{y_i}}

    with :math:`p_i` the probability of the label and :math:`w = r = 1` by default. At :math:`\gamma = 0` it is the
    cross-entropy.

    Reference: Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Args:
        logits: unnormalised class scores.
        labels: class indices.
        gamma: how much less; zero or more.
        class_weights: a weight w for each class.
        row_weights: a weight r for each row: its share in a mix.

    Shape:
        logits (n, K), labels (n,), class_weights (K,), row_weights (n,); the result is a scalar.

    Returns:
        The loss in nats.

    Raises:
        ValueError: for other shapes, and on the CPU for a label outside 0 to K - 1.

    Example:
        >>> import torch
        >>> focal(torch.zeros(3, 2), torch.tensor([0, 1, 1]), gamma=1.0)
        tensor(0.3466)
    """
    check_labels(logits, labels)
    _check_class_weights(logits, class_weights)
    log_p = F.log_softmax(logits, 1).gather(1, labels.long()[:, None]).squeeze(1)  # (n,)
    # 1 - p from log p keeps its digits near p = 1; the floor keeps the slope of a power below one finite.
    wrong = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).eps)  # (n,)
    losses = -log_p if gamma == 0 else -(wrong**gamma) * log_p  # (n,)
    if class_weights is None and row_weights is None:
        return losses.mean()
    weights = torch.ones_like(losses) if class_weights is None else class_weights.to(logits)[labels]  # (n,)
    if row_weights is not None:
        _check_row_weights(logits, row_weights)
        weights = weights * row_weights
    return (weights * losses).sum() / weights.sum()


class CrossEntropy(nn.Module):
    """Cross-entropy with label smoothing and class weights as a module; see :func:`cross_entropy`.

    Reference: Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016.

    Args:
        label_smoothing: part of the label that is spread over all classes, in [0, 1].
        class_weights: a positive weight for each class.

    Shape:
        logits (n, K), labels (n,) or (n, K); the result is a scalar.

    Raises:
        ValueError: for a label smoothing outside [0, 1] or weights that are not all positive.

    Example:
        >>> import torch
        >>> CrossEntropy(label_smoothing=0.1)(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
        tensor(0.6931)
    """

    class_weights: Tensor | None

    def __init__(self, *, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(f"label_smoothing is {label_smoothing}; expected a number in [0, 1]")
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", _positive(class_weights), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """Return the cross-entropy."""
        return cross_entropy(
            logits,
            labels,
            label_smoothing=self.label_smoothing,
            class_weights=self.class_weights,
            row_weights=row_weights,
        )


class Focal(nn.Module):
    """Focal loss as a module; see :func:`focal`.

    Reference: Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Args:
        gamma: how much less a row counts that is already right; zero or more.
        class_weights: a positive weight for each class.

    Shape:
        logits (n, K), labels (n,); the result is a scalar.

    Raises:
        ValueError: for a negative gamma or weights that are not all positive.

    Example:
        >>> import torch
        >>> Focal(gamma=0.0)(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
        tensor(0.6931)
    """

    class_weights: Tensor | None

    def __init__(self, *, gamma: float = 2.0, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(f"gamma is {gamma}; expected zero or more")
        self.gamma = gamma
        self.register_buffer("class_weights", _positive(class_weights), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """Return the focal loss."""
        return focal(logits, labels, gamma=self.gamma, class_weights=self.class_weights, row_weights=row_weights)


def _positive(class_weights: Sequence[float] | None) -> Tensor | None:
    if class_weights is None:
        return None
    weights = torch.as_tensor(class_weights, dtype=torch.float32)
    if weights.ndim != 1 or not bool(((weights > 0) & weights.isfinite()).all()):
        raise ValueError(f"class_weights are {weights.tolist()}; expected a positive number for each class")
    return weights


def _check_class_weights(logits: Tensor, class_weights: Tensor | None) -> None:
    if class_weights is not None and len(class_weights) != logits.shape[1]:
        raise ValueError(
            f"there are {len(class_weights)} class weights for {logits.shape[1]} classes; expected one for each"
        )


def _check_row_weights(logits: Tensor, row_weights: Tensor) -> None:
    if row_weights.shape != logits.shape[:1]:
        raise ValueError(
            f"row_weights have shape {tuple(row_weights.shape)}; expected one for each of {len(logits)} rows"
        )
