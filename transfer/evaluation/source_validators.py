"""Scores of a model that compare unlabelled target slices with the source; higher is better.

Axis letters: n source slices, v source validation slices, m target slices, K classes, d width.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from losses.mmd import mmd

__all__ = [
    "control_variate_risk",
    "deep_embedded",
    "density_ratio",
    "discrepancy",
    "domain_neighbours",
    "neighbourhood_mixing",
    "source_neighbours",
    "source_neighbours_l2",
    "target_neighbours",
]


def discrepancy(source: Tensor, target: Tensor) -> float:
    """Return how close the two domains lie: minus the squared maximum mean discrepancy (`losses.MMD`'s defaults).

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012.

    Args:
        source: features, (n, d).
        target: features, (m, d).

    Example:
        >>> x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
        >>> discrepancy(x, x + 3) < discrepancy(x, x + 0.1) < 0
        True
    """
    return -mmd(source.double(), target.double()).item()


def domain_neighbours(source: Tensor, target: Tensor) -> float:
    """Return how badly nearest neighbours tell the domains apart: minus the balanced accuracy, leaving one out.

    Reference: the KNN validator of pytorch-adapt (Musgrave et al., 2022).

    Args:
        source: features, (n, d).
        target: features, (m, d).

    Returns:
        the score: -1 where the domains are apart, about -1/2 where they are mixed.

    Example:
        >>> domain_neighbours(torch.tensor([[0.0], [0.1]]), torch.tensor([[5.0], [5.1]]))
        -1.0
    """
    x = torch.cat([source, target]).double()
    domain = torch.arange(len(x)) >= len(source)
    nearest = torch.cdist(x, x).fill_diagonal_(torch.inf).argmin(1)
    right = (domain[nearest] == domain).double()
    return -(right[~domain].mean() + right[domain].mean()).item() / 2


def neighbourhood_mixing(source: Tensor, target: Tensor) -> float:
    """Return how mixed the domains are in the neighbourhood of each slice: minus the information of place and domain.

    s = mean_i H(q_i) - H(mean_i q_i), where q_i is the share of either domain among the other slices, weighted by
    softmax_{j != i}(cos(x_i, x_j)).
    Reference: Shi and Sha, "Information-theoretical learning of discriminative clusters for unsupervised domain
    adaptation", ICML 2012 (I_st).

    Args:
        source: features, (n, d).
        target: features, (m, d).

    Returns:
        the score in nats, from -log 2 to 0.

    Example:
        >>> round(neighbourhood_mixing(torch.ones(50, 2), torch.ones(50, 2)), 3)
        -0.0
    """
    x = F.normalize(torch.cat([source, target]).double(), dim=1)
    near = (x @ x.T).fill_diagonal_(-torch.inf).softmax(1)  # (n + m, n + m)
    target_share = near[:, len(source) :].sum(1)
    q = torch.stack([1 - target_share, target_share], dim=1)  # (n + m, 2)
    entropy = torch.special.entr(q).sum(1).mean()
    return float(entropy - torch.special.entr(q.mean(0)).sum())


def target_neighbours(source: Tensor, labels: Tensor, target: Tensor, target_logits: Tensor) -> float:
    """Return how often the predicted class of a target slice is the label of its nearest source slice.

    The mean over predicted classes, so that a frequent one does not decide.
    Reference: the target KNN validator of pytorch-adapt (Musgrave et al., 2022).

    Args:
        source: features of training slices, (n, d).
        labels: of these, (n,).
        target: features, (m, d).
        target_logits: of the same slices, (m, K).

    Returns:
        the score, from 0 to 1.

    Example:
        >>> x = torch.tensor([[0.0], [5.0]])
        >>> target_neighbours(x, torch.tensor([0, 1]), x + 0.1, torch.eye(2))
        1.0
    """
    decided = target_logits.argmax(1)
    agree = (labels[torch.cdist(target.double(), source.double()).argmin(1)] == decided).numpy()
    return float(np.mean([agree[decided.numpy() == k].mean() for k in np.unique(decided.numpy())]))


def source_neighbours(logits: Tensor, labels: Tensor, target_logits: Tensor) -> float:
    """Return the accuracy on the source validation slices that target slices are nearest to, by cosine of predictions.

    s = 1/m sum_j [slice i(j) is classified rightly], i(j) = argmax_i cos(p_i, p_j).
    Reference: the nearest-source validator of pytorch-adapt (Musgrave et al., 2022).

    Args:
        logits: of source validation slices, (v, K).
        labels: of these, (v,).
        target_logits: of target slices, (m, K).

    Returns:
        the score, from 0 to 1.

    Example:
        >>> source_neighbours(torch.eye(2), torch.tensor([0, 0]), torch.eye(2)[[0, 0, 1]])
        0.6666666666666666
    """
    right = (logits.argmax(1) == labels).double()
    own, other = (F.normalize(x.double().softmax(1), dim=1) for x in (logits, target_logits))
    return right[(other @ own.T).argmax(1)].mean().item()


def source_neighbours_l2(logits: Tensor, labels: Tensor, target_logits: Tensor) -> float:
    """Return the same accuracy with neighbours by Euclidean distance, those far away counting less.

    s = 1/m sum_j [slice i(j) is classified rightly] (1 - d_j / max d), d_j the distance of target slice j to its nearest
    source slice i(j), max d the largest distance of any two slices.
    Reference: the nearest-source validator of pytorch-adapt (Musgrave et al., 2022).

    Args:
        logits: of source validation slices, (v, K).
        labels: of these, (v,).
        target_logits: of target slices, (m, K).

    Returns:
        the score, from 0 to 1.

    Example:
        >>> source_neighbours_l2(torch.eye(2), torch.tensor([0, 1]), torch.eye(2))
        1.0
    """
    right = (logits.argmax(1) == labels).double()
    p, q = logits.double().softmax(1), target_logits.double().softmax(1)
    nearest = torch.cdist(q, p).min(1)
    widest = torch.pdist(torch.cat([p, q])).max().clamp_min(torch.finfo(torch.float64).tiny)
    return (right[nearest.indices] * (1 - nearest.values / widest)).mean().item()


def deep_embedded(source: Tensor, validation: Tensor, target: Tensor, logits: Tensor, labels: Tensor) -> float:
    """Return minus the target risk that deep embedded validation estimates from labelled source slices.

    The cross-entropy of source validation slices, each weighted by how target-like its features are, with a control
    variate: `density_ratio` and `control_variate_risk`.
    Reference: You et al., "Towards accurate model selection in deep unsupervised domain adaptation", ICML 2019. The
    domain classifier is a logistic regression here, a tuned perceptron there.

    Args:
        source: features of training slices, (n, d).
        validation: features of validation slices, (v, d).
        target: features, (m, d).
        logits: of the validation slices, (v, K).
        labels: of the same, (v,).

    Example:
        >>> x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
        >>> right = deep_embedded(x, x, x, 5 * torch.eye(2)[torch.zeros(40).long()], torch.zeros(40).long())
        >>> right > deep_embedded(x, x, x, torch.zeros(40, 2), torch.zeros(40).long())
        True
    """
    losses = F.cross_entropy(logits.double(), labels, reduction="none")
    return -control_variate_risk(density_ratio(source, validation, target), losses.numpy())


def density_ratio(source: Tensor, validation: Tensor, target: Tensor) -> np.ndarray:
    """Return target density over source density at validation slices, by a logistic domain classifier, (v,).

    w(x) = n/m p(target | x) / p(source | x).

    Args:
        source: features that stand for the source, (n, d).
        validation: where the ratio is wanted, (v, d).
        target: features that stand for the target, (m, d).

    Example:
        >>> x = torch.linspace(-1, 1, 50)[:, None]
        >>> w = density_ratio(x, torch.tensor([[-1.0], [1.0]]), x + 0.5)
        >>> bool(w[0] < 1 < w[1])
        True
    """
    x = torch.cat([source, target]).double().numpy()
    is_target = np.arange(len(x)) >= len(source)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # separable domains have no finite optimum
        classifier.fit(x, is_target)
    log_odds = classifier.decision_function(validation.double().numpy())
    return np.asarray(len(source) / len(target) * np.exp(np.clip(log_odds, -50, 50)))


def control_variate_risk(weights: np.ndarray, losses: np.ndarray) -> float:
    """Return the importance-weighted risk with the control variate that lowers its variance.

    R = mean(w l) + eta mean(w) - eta, eta = -cov(w l, w) / var(w); plain mean(w l) where all weights are alike.

    Args:
        weights: w, (v,).
        losses: l, (v,).

    Example:
        >>> round(control_variate_risk(np.array([1.0, 3.0]), np.array([2.0, 2.0])), 4)
        2.0
    """
    weighted = weights * losses
    if len(weights) < 2 or np.ptp(weights) == 0:
        return float(weighted.mean())
    eta = -np.cov(weighted, weights)[0, 1] / weights.var(ddof=1)
    return float(weighted.mean() + eta * weights.mean() - eta)
