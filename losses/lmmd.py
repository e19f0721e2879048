"""Local maximum mean discrepancy: the domains compared class by class."""

# n source rows, m target rows, d width, K classes.
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.gaussian_kernels import PairWeights, gaussians, kernel_sum
from losses.precision import full_precision
from losses.shapes import check_labels, check_logits, check_pair


@full_precision
def lmmd(
    source: Tensor,
    target: Tensor,
    source_labels: Tensor,
    target_logits: Tensor,
    *,
    kernels: int = 5,
    ratio: float = 2.0,
    bandwidth: float | None = None,
    weights: Sequence[float] | None = None,
) -> Tensor:
    r"""Mean over classes of the squared maximum mean discrepancy within the class.

    .. math::
        L = \frac{1}{|C|} \sum_{c \in C} \Big[ \sum_{ij} v_{ic} v_{jc} k(s_i, s_j) + \sum_{ij} w_{ic} w_{jc} k(t_i, t_j)
          - 2 \sum_{ij} v_{ic} w_{jc} k(s_i, t_j) \Big], \qquad
        v_{ic} = \frac{[y_i = c]}{\sum_j [y_j = c]}, \quad w_{ic} = \frac{p_{ic}}{\sum_j p_{jc}}

    with the kernel of :func:`losses.mmd.mmd`, the softmax p of the target logits, and the classes C that the source
    rows have. The weights are constants in the gradient: the loss moves features, not predictions. The gradient is
    differentiable once.

    Reference: Zhu et al., "Deep subdomain adaptation network for image classification", IEEE TNNLS 2021.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        source_labels: class indices of the source rows.
        target_logits: unnormalised class scores of the target rows.
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: the base in squared units of the features; the median by default.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.

    Shape:
        source (n, d), target (m, d), source_labels (n,), target_logits (m, K); the result is a scalar.

    Returns:
        The loss, from 0 to twice the sum of the weights.

    Raises:
        ValueError: for other shapes or options out of range.

    Example:
        >>> import torch
        >>> features, labels = torch.tensor([[0.0], [5.0]]), torch.tensor([0, 1])
        >>> sure = torch.tensor([[90.0, 0.0], [0.0, 90.0]])
        >>> bool(lmmd(features, features, labels, sure) < 1e-5), bool(lmmd(features, features, labels, -sure) > 1)
        (True, True)
    """
    check_pair(source, target)
    check_logits(target_logits)
    check_labels(target_logits.new_empty(len(source), target_logits.shape[1]), source_labels)
    if len(target_logits) != len(target):
        raise ValueError(f"there are {len(target_logits)} rows of target logits for {len(target)} target rows")
    kernel = gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
    with torch.no_grad():
        v, w = _class_weights(source_labels, target_logits)  # (n, K), (m, K)
        pair_weights = PairWeights(v @ v.T, -2 * v @ w.T, w @ w.T, v.square().sum() + w.square().sum())
    return kernel_sum([source], [target], pair_weights, kernel)


class LMMD(nn.Module):
    """Local maximum mean discrepancy as a module; see :func:`lmmd`.

    Reference: Zhu et al., "Deep subdomain adaptation network for image classification", IEEE TNNLS 2021.

    Args:
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: bandwidth of the middle kernel in squared units of the features; by default the median of the
            squared distances of the batch.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.

    Shape:
        source (n, d), target (m, d), source_labels (n,), target_logits (m, K); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> LMMD()(torch.rand(4, 8), torch.rand(6, 8), torch.tensor([0, 1, 2, 2]), torch.rand(6, 3)).shape
        torch.Size([])
    """

    def __init__(
        self,
        *,
        kernels: int = 5,
        ratio: float = 2.0,
        bandwidth: float | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
        self.kernels, self.ratio, self.bandwidth, self.weights = kernels, ratio, bandwidth, weights

    def forward(self, source: Tensor, target: Tensor, source_labels: Tensor, target_logits: Tensor) -> Tensor:
        """Return the loss."""
        return lmmd(
            source,
            target,
            source_labels,
            target_logits,
            kernels=self.kernels,
            ratio=self.ratio,
            bandwidth=self.bandwidth,
            weights=self.weights,
        )


def _class_weights(labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Weights that sum to one over the rows of each class there is, over the root of the number of classes."""
    classes = logits.shape[1]
    one_hot = F.one_hot(labels.long(), classes).to(logits)  # (n, K)
    counts = one_hot.sum(0)  # (K,)
    present = (counts > 0).to(logits)  # (K,)
    share = present / present.sum().sqrt()  # (K,)
    # Among logarithms, so that a class that no target row is given any probability of keeps its proportions.
    target = F.log_softmax(F.log_softmax(logits, 1), 0).exp()  # (m, K)
    return one_hot / counts.clamp_min(1) * share, target * share
