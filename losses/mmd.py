"""Maximum mean discrepancy with several Gaussian kernels."""

# n source rows, m target rows, d width, K kernels.
from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from losses.gaussian_kernels import PairWeights, gaussians, kernel_sum
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def mmd(
    source: Tensor,
    target: Tensor,
    *,
    kernels: int = 5,
    ratio: float = 2.0,
    bandwidth: float | None = None,
    weights: Sequence[float] | None = None,
    unbiased: bool = False,
) -> Tensor:
    r"""Squared maximum mean discrepancy with a sum of Gaussian kernels.

    .. math::
        L = \frac{1}{n^2} \sum_{ij} k(s_i, s_j) + \frac{1}{m^2} \sum_{ij} k(t_i, t_j)
          - \frac{2}{nm} \sum_{ij} k(s_i, t_j), \qquad
        k(x, y) = \sum_{u=0}^{K-1} \beta_u \exp\frac{-\lVert x - y \rVert^2}{b \, r^{u - \lfloor K/2 \rfloor}}

    The unbiased estimate leaves the pairs of a row with itself out of the first two sums and divides by
    :math:`n (n - 1)` and :math:`m (m - 1)`; it can be negative. A domain of a single row has no other pair and keeps
    that one. The base :math:`b` is the (lower) median of the squared distances of all pairs of distinct rows of the two
    domains together, taken as a constant in the gradient, or fixed. Memory is O(nm + n^2 + m^2 + (n + m) d), whatever
    K. The gradient is differentiable once.

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012; Long et al., "Learning transferable features with
    deep adaptation networks", ICML 2015.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        kernels: number K of kernels.
        ratio: ratio r of neighbouring bandwidths.
        bandwidth: the base b in squared units of the features; the median by default.
        weights: the weights beta, from the smallest bandwidth to the largest; all one by default.
        unbiased: whether to leave out the pairs of a row with itself.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss; of the biased estimate, from 0 to twice the sum of the weights.

    Raises:
        ValueError: for other shapes or options out of range.

    Example:
        >>> import torch
        >>> source, target = torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0]])
        >>> mmd(source, target, kernels=1, bandwidth=1.0)  # 1 + 1 - 2 / e
        tensor(1.2642)
    """
    check_pair(source, target)
    n, m = len(source), len(target)
    kernel = gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
    return kernel_sum([source], [target], mean_weights(n, m, unbiased=unbiased), kernel)


def mean_weights(n: int, m: int, *, unbiased: bool) -> PairWeights:
    """Weights that make the sum over pairs the squared discrepancy of n source and m target rows.

    Args:
        n: number of source rows.
        m: number of target rows.
        unbiased: whether to leave out the pairs of a row with itself, where there are others.

    Returns:
        One number for each kind of pair.

    Example:
        >>> mean_weights(2, 4, unbiased=True)
        PairWeights(xx=0.5, xy=-0.25, yy=0.08333333333333333, alone=0.0)
    """
    within, alone = [], 0.0
    for rows in (n, m):
        distinct = unbiased and rows > 1
        within.append(1 / (rows * (rows - 1) if distinct else rows * rows))
        alone += 0.0 if distinct else 1 / rows
    return PairWeights(within[0], -2 / (n * m), within[1], alone)


class MMD(nn.Module):
    """Squared maximum mean discrepancy with a sum of Gaussian kernels as a module; see :func:`mmd`.

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012; Long et al., "Learning transferable features with
    deep adaptation networks", ICML 2015.

    Args:
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: bandwidth of the middle kernel in squared units of the features; by default the median of the
            squared distances of the batch.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.
        unbiased: whether to leave out the pairs of a row with itself.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> bool(MMD()(features, features).abs() < 1e-5)
        True
    """

    def __init__(
        self,
        *,
        kernels: int = 5,
        ratio: float = 2.0,
        bandwidth: float | None = None,
        weights: Sequence[float] | None = None,
        unbiased: bool = False,
    ) -> None:
        super().__init__()
        gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
        self.kernels, self.ratio, self.bandwidth = kernels, ratio, bandwidth
        self.weights, self.unbiased = weights, unbiased

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return mmd(
            source,
            target,
            kernels=self.kernels,
            ratio=self.ratio,
            bandwidth=self.bandwidth,
            weights=self.weights,
            unbiased=self.unbiased,
        )
