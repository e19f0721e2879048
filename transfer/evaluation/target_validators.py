"""Scores of a model from its own outputs on unlabelled target slices alone; higher is better.

Axis letters: n slices, K classes, d width.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from torch import Tensor

from losses.bnm import batch_nuclear_norm
from losses.entropy import diversity, entropy, information_maximisation
from losses.mcc import minimum_class_confusion

__all__ = [
    "class_clusters",
    "class_confusion",
    "confidence",
    "effective_rank",
    "mutual_information",
    "nuclear_norm",
    "prediction_diversity",
    "soft_neighbourhood_density",
]


def confidence(logits: Tensor) -> float:
    """Return how sure the predictions are: minus their mean entropy.

    s = 1/n sum_i sum_k p_ik log p_ik; a model that gives every slice one class with certainty scores best.
    Reference: Morerio et al., "Minimal-entropy correlation alignment", ICLR 2018.

    Args:
        logits: of target slices, (n, K).

    Returns:
        the score in nats, from -log K to 0.

    Example:
        >>> round(confidence(torch.zeros(3, 4)), 4)
        -1.3863
    """
    return -entropy(logits.double()).item()


def prediction_diversity(logits: Tensor) -> float:
    """Return how evenly all classes are predicted: the entropy of the mean prediction.

    s = -sum_k m_k log m_k, m = 1/n sum_i p_i.
    Reference: Liang et al., "Do we really need to access the source data?", ICML 2020.

    Args:
        logits: of target slices, (n, K).

    Returns:
        the score in nats, from 0 to log K.

    Example:
        >>> round(prediction_diversity(1000 * torch.eye(4)), 4)
        1.3863
    """
    return -diversity(logits.double()).item()


def mutual_information(logits: Tensor) -> float:
    """Return the mutual information of slice and predicted class: diversity plus confidence.

    s = H(1/n sum_i p_i) - 1/n sum_i H(p_i).
    References: Krause et al., "Discriminative clustering by regularized information maximization", NeurIPS 2010; as a
    validator Musgrave et al., "Benchmarking validation methods for unsupervised domain adaptation", 2022.

    Args:
        logits: of target slices, (n, K).

    Returns:
        the score in nats, from 0 to log K.

    Example:
        >>> round(mutual_information(1000 * torch.eye(4)), 4)
        1.3863
    """
    return -information_maximisation(logits.double()).item()


def nuclear_norm(logits: Tensor) -> float:
    """Return the nuclear norm of the predictions a slice: both sure and diverse.

    s = 1/n sum_i sigma_i(P), the singular values of the matrix of predictions.
    Reference: Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization", CVPR 2020.

    Args:
        logits: of target slices, (n, K).

    Example:
        >>> nuclear_norm(1000 * torch.eye(4))
        1.0
    """
    return -batch_nuclear_norm(logits.double()).item()


def class_confusion(logits: Tensor) -> float:
    """Return how little the predictions hesitate between classes: minus the minimum-class-confusion loss.

    Reference: Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020 (a loss there).

    Args:
        logits: of target slices, (n, K).

    Returns:
        the score, from 1/K - 1 to 0.

    Example:
        >>> round(class_confusion(torch.zeros(3, 4)), 4)
        -0.75
    """
    return -minimum_class_confusion(logits.double()).item()


def soft_neighbourhood_density(logits: Tensor, *, temperature: float = 0.05) -> float:
    """Return the soft neighbourhood density: how many slices each one has for close neighbours in its predictions.

    s = mean_i H(softmax_{j != i}(cos(p_i, p_j) / T)).
    Reference: Saito et al., "Tune it the right way: unsupervised validation of domain adaptation via soft neighborhood
    density", ICCV 2021.

    Args:
        logits: of target slices, (n, K); two or more.
        temperature: T.

    Returns:
        the score in nats, from 0 to log(n - 1): it compares epochs on the same slices, not sets of slices.

    Example:
        >>> round(soft_neighbourhood_density(torch.zeros(5, 3)), 4)  # everything is one neighbourhood: log 4
        1.3863
    """
    p = torch.nn.functional.normalize(logits.double().softmax(1), dim=1)  # (n, K)
    similarity = p @ p.T / temperature  # (n, n)
    log_q = similarity.fill_diagonal_(-math.inf).log_softmax(1).fill_diagonal_(0)  # no slice is its own neighbour
    q = log_q.exp().fill_diagonal_(0)
    return -(q * log_q).sum(1).mean().item()


def class_clusters(features: Tensor, logits: Tensor) -> float:
    """Return how well the predicted classes are the clusters of the features: their adjusted mutual information.

    s = AMI(argmax_k logits_ik, KMeans_K(features)); k-means starts from the centres of the predicted classes, so that no
    random number enters.
    Reference: Musgrave et al., "Three new validators and a large-scale benchmark ranking for unsupervised domain
    adaptation", 2022 (ClassAMI).

    Args:
        features: of target slices, (n, d).
        logits: of the same slices, (n, K).

    Returns:
        the score, up to 1; 0 where all slices are given one class.

    Example:
        >>> class_clusters(torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.eye(2)[[0, 0, 1, 1]])
        1.0
    """
    x, decided = features.double().numpy(), logits.argmax(1).numpy()
    classes = np.unique(decided)
    if len(classes) < 2:
        return 0.0
    centres = np.zeros((logits.shape[1], x.shape[1]))  # a class that is never predicted starts at the origin
    centres[classes] = [x[decided == k].mean(0) for k in classes]
    if len(np.unique(x, axis=0)) < len(centres):
        return 0.0  # fewer different rows than clusters: the features have collapsed
    clusters = KMeans(len(centres), init=centres, n_init=1).fit(x).labels_
    return float(adjusted_mutual_info_score(decided, clusters))


def effective_rank(features: Tensor) -> float:
    """Return the effective rank of the features: collapsed ones score 1.

    s = exp(-sum_k q_k log q_k), q_k = sigma_k / sum_l sigma_l, the singular values of the features.
    Reference: Garrido et al., "RankMe: assessing the downstream performance of pretrained self-supervised
    representations by their rank", ICML 2023.

    Args:
        features: of target slices, (n, d).

    Returns:
        the score, from 1 to min(n, d).

    Example:
        >>> round(effective_rank(torch.eye(3)), 4)
        3.0
    """
    singular = torch.linalg.svdvals(features.double())
    q = singular / singular.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return math.exp(torch.special.entr(q).sum().item())
