"""Supervised contrastive loss across domains: rows of one class meet, wherever they come from."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def cross_domain_contrast(
    source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor, *, temperature: float = 0.1
) -> Tensor:
    r"""Contrast each row with the rows of the other domain, those of its class against all.

    .. math::
        L = \frac{1}{|A|} \sum_{i \in A} \frac{-1}{|P(i)|} \sum_{p \in P(i)}
          \log \frac{\exp(z_i \cdot z_p / \tau)}{\sum_{a \in O(i)} \exp(z_i \cdot z_a / \tau)}

    with rows z of length one, O(i) the rows of the domain that i is not of, P(i) those of them with the label of i, and
    A the rows of both domains whose P(i) is not empty. Zero where there are none. Target labels may be pseudo-labels.

    Reference: Khosla et al., "Supervised contrastive learning", NeurIPS 2020; across domains as in Wang et al.,
    "Cross-domain contrastive learning for unsupervised domain adaptation", IEEE Transactions on Multimedia 2023.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        source_labels: class indices of the source rows.
        target_labels: class indices of the target rows, or a negative number where there is none.
        temperature: the number tau; above zero.

    Shape:
        source (n, d), target (m, d), source_labels (n,), target_labels (m,); the result is a scalar.

    Returns:
        The loss in nats, zero or more.

    Raises:
        ValueError: for other shapes or a temperature of zero or less.

    Example:
        >>> import torch
        >>> rows, labels = torch.eye(2), torch.tensor([0, 1])
        >>> cross_domain_contrast(rows, rows, labels, labels, temperature=1.0)  # log(1 + 1/e)
        tensor(0.3133)
    """
    check_pair(source, target)
    _check_temperature(temperature)
    if source_labels.shape != source.shape[:1] or target_labels.shape != target.shape[:1]:
        raise ValueError(
            f"labels have shapes {tuple(source_labels.shape)} and {tuple(target_labels.shape)}; "
            f"expected ({len(source)},) and ({len(target)},)"
        )
    similarity = F.normalize(source, dim=1) @ F.normalize(target, dim=1).T / temperature  # (n, m)
    same = (source_labels[:, None] == target_labels) & (source_labels >= 0)[:, None]  # (n, m)
    terms = torch.cat([_anchors(similarity, same), _anchors(similarity.T, same.T)])  # (n + m,)
    anchors = torch.cat([same.any(1), same.any(0)]).sum()
    return terms.sum() / anchors.clamp_min(1)


class SupervisedContrastive(nn.Module):
    """Supervised contrastive loss across domains as a module; see :func:`cross_domain_contrast`.

    Reference: Khosla et al., "Supervised contrastive learning", NeurIPS 2020; Wang et al., "Cross-domain contrastive
    learning for unsupervised domain adaptation", IEEE Transactions on Multimedia 2023.

    Args:
        temperature: scale of the similarities; above zero.

    Shape:
        source (n, d), target (m, d), source_labels (n,), target_labels (m,); the result is a scalar.

    Raises:
        ValueError: for a temperature of zero or less.

    Example:
        >>> import torch
        >>> labels = torch.tensor([0, 1, 1]), torch.tensor([1, 0])
        >>> SupervisedContrastive()(torch.rand(3, 8), torch.rand(2, 8), *labels).shape
        torch.Size([])
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        _check_temperature(temperature)
        self.temperature = temperature

    def forward(self, source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor) -> Tensor:
        """Return the loss."""
        return cross_domain_contrast(source, target, source_labels, target_labels, temperature=self.temperature)


def _anchors(similarity: Tensor, same: Tensor) -> Tensor:
    """Mean surprise of the positives of each row, zero for a row without any."""
    surprise = torch.where(same, -F.log_softmax(similarity, 1), 0.0)
    return surprise.sum(1) / same.sum(1).clamp_min(1)


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a positive number")
