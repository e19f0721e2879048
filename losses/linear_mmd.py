"""Maximum mean discrepancy in linear time, from neighbouring rows instead of all pairs."""

# n source rows, m target rows, d width.
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from losses.gaussian_kernels import Gaussians, gaussians
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def linear_mmd(
    source: Tensor,
    target: Tensor,
    *,
    kernels: int = 5,
    ratio: float = 2.0,
    bandwidth: float | None = None,
    weights: Sequence[float] | None = None,
) -> Tensor:
    r"""Unbiased estimate of the squared maximum mean discrepancy from O(n + m) pairs.

    .. math::
        L = \frac1n \sum_{i<n} k(s_i, s_{i+1}) + \frac1m \sum_{i<m} k(t_i, t_{i+1})
          - \frac1M \sum_{i<M} \left[ k(s_i, t_{i+1}) + k(t_i, s_{i+1}) \right], \qquad M = \max(n, m)

    with the kernel of :func:`losses.mmd.mmd` and indices that begin again at the end of their domain. The base of the
    bandwidths is the median squared distance of these pairs. It has more variance than the estimate from all pairs, can
    be negative, and assumes rows in random order. Memory is O((n + m) d). A domain of a single row is compared with
    itself, and the estimate then biased.

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012, section 6; with overlapping pairs, in a circle, as
    in Long et al., "Learning transferable features with deep adaptation networks", ICML 2015.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: the base in squared units of the features; the median by default.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss.

    Raises:
        ValueError: for other shapes or options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> bool(linear_mmd(features, features).abs() < 1e-6)
        True
    """
    check_pair(source, target)
    kernel = gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
    n, m = len(source), len(target)
    circle = torch.arange(max(n, m), device=source.device)  # (M,)
    pairs = (
        (source, source.roll(-1, 0)),
        (target, target.roll(-1, 0)),
        (source[circle % n], target[(circle + 1) % m]),
        (target[circle % m], source[(circle + 1) % n]),
    )
    distances = [(left - right).square().sum(1) for left, right in pairs]
    values = _kernel(torch.cat(distances), kernel).split([n, m, len(circle), len(circle)])  # type: ignore[no-untyped-call]
    within_source, within_target, *across = (value.mean() for value in values)
    loss: Tensor = within_source + within_target - across[0] - across[1]
    return loss


class LinearMMD(nn.Module):
    """Maximum mean discrepancy in linear time as a module; see :func:`linear_mmd`.

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012; Long et al., "Learning transferable features with
    deep adaptation networks", ICML 2015.

    Args:
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: bandwidth of the middle kernel in squared units of the features; by default the median of the
            squared distances that are looked at.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> LinearMMD()(torch.rand(4, 8), torch.rand(6, 8)).shape
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

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return linear_mmd(
            source,
            target,
            kernels=self.kernels,
            ratio=self.ratio,
            bandwidth=self.bandwidth,
            weights=self.weights,
        )


def _kernel(distances: Tensor, kernel: Gaussians) -> Tensor:
    count = len(kernel.weights)
    steps = kernel.ratio ** (torch.arange(count, dtype=distances.dtype, device=distances.device) - count // 2)  # (K,)
    # A row alone is its own neighbour: that distance is no measure of the spread.
    apart = distances.detach()[distances > 0]
    if kernel.bandwidth is not None:
        base = distances.new_tensor(kernel.bandwidth)
    else:
        base = apart.median() if len(apart) else distances.new_ones(())
    values = torch.exp(-distances[:, None] / (base * steps))  # (pairs, K)
    return values @ distances.new_tensor(kernel.weights)
