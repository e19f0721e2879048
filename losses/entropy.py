"""Entropy of predictions, their diversity, and the information that they carry."""

# n rows, K classes.
from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_logits


@full_precision
def entropy(logits: Tensor) -> Tensor:
    r"""Mean entropy of the predictions: low where each is sure.

    .. math::
        L = -\frac1n \sum_i \sum_k p_{ik} \log p_{ik}

    Reference: Grandvalet and Bengio, "Semi-supervised learning by entropy minimization", NeurIPS 2004.

    Args:
        logits: unnormalised class scores.

    Shape:
        logits (n, K); the result is a scalar.

    Returns:
        The entropy in nats, from 0 to log K.

    Raises:
        ValueError: for another shape.

    Example:
        >>> import torch
        >>> entropy(torch.zeros(3, 4))
        tensor(1.3863)
    """
    check_logits(logits)
    log_p = F.log_softmax(logits, 1)  # (n, K)
    return -(log_p.exp() * log_p).sum(1).mean()


@full_precision
def diversity(logits: Tensor) -> Tensor:
    r"""Negative entropy of the mean prediction: low where the batch uses all classes alike.

    .. math::
        L = \sum_k \bar p_k \log \bar p_k, \qquad \bar p_k = \frac1n \sum_i p_{ik}

    Reference: Liang et al., "Do we really need to access the source data? Source hypothesis transfer for unsupervised
    domain adaptation", ICML 2020.

    Args:
        logits: unnormalised class scores.

    Shape:
        logits (n, K); the result is a scalar.

    Returns:
        The negative entropy in nats, from -log K to 0.

    Raises:
        ValueError: for another shape.

    Example:
        >>> import torch
        >>> diversity(torch.zeros(3, 4))
        tensor(-1.3863)
    """
    check_logits(logits)
    # The logarithm of the mean, taken among logarithms: a class that nobody predicts costs no NaN.
    log_mean = F.log_softmax(logits, 1).logsumexp(0) - math.log(len(logits))  # (K,)
    return (log_mean.exp() * log_mean).sum()


def information_maximisation(logits: Tensor, *, diversity_weight: float = 1.0) -> Tensor:
    r"""Entropy and diversity together: each prediction sure, all classes in use.

    .. math::
        L = L_{entropy} + \beta L_{diversity}

    At :math:`\beta = 1` it is the negative mutual information of input and predicted class.

    Reference: Liang et al., "Do we really need to access the source data? Source hypothesis transfer for unsupervised
    domain adaptation", ICML 2020.

    Args:
        logits: unnormalised class scores.
        diversity_weight: the number beta.

    Shape:
        logits (n, K); the result is a scalar.

    Returns:
        The loss in nats, from -log K to 0 where beta is 1.

    Raises:
        ValueError: for another shape.

    Example:
        >>> import torch
        >>> information_maximisation(100 * torch.eye(4))
        tensor(-1.3863)
    """
    return entropy(logits) + diversity_weight * diversity(logits)


class Entropy(nn.Module):
    """Mean entropy of the predictions as a module; see :func:`entropy`.

    Reference: Grandvalet and Bengio, "Semi-supervised learning by entropy minimization", NeurIPS 2004.

    Shape:
        logits (n, K); the result is a scalar.

    Example:
        >>> import torch
        >>> Entropy()(torch.zeros(3, 4))
        tensor(1.3863)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor) -> Tensor:
        """Return the mean entropy."""
        return entropy(logits)


class Diversity(nn.Module):
    """Negative entropy of the mean prediction as a module; see :func:`diversity`.

    Reference: Liang et al., "Do we really need to access the source data?", ICML 2020.

    Shape:
        logits (n, K); the result is a scalar.

    Example:
        >>> import torch
        >>> Diversity()(torch.zeros(3, 4))
        tensor(-1.3863)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor) -> Tensor:
        """Return the negative entropy of the mean prediction."""
        return diversity(logits)


class InformationMaximisation(nn.Module):
    """Entropy and diversity together as a module; see :func:`information_maximisation`.

    Reference: Liang et al., "Do we really need to access the source data?", ICML 2020.

    Args:
        diversity_weight: weight of the diversity beside the entropy.

    Shape:
        logits (n, K); the result is a scalar.

    Example:
        >>> import torch
        >>> InformationMaximisation()(torch.zeros(3, 4)).abs() < 1e-6
        tensor(True)
    """

    def __init__(self, *, diversity_weight: float = 1.0) -> None:
        super().__init__()
        self.diversity_weight = diversity_weight

    def forward(self, logits: Tensor) -> Tensor:
        """Return the loss."""
        return information_maximisation(logits, diversity_weight=self.diversity_weight)
