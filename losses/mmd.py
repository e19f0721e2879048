"""Maximum mean discrepancy with several Gaussian kernels."""

# n source rows, m target rows, d width, K kernels.
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from losses.pairwise import CACHED, Pairs, median_of_pairs, pairs_like, squared_distances
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
    beta = _check_options(kernels, ratio, bandwidth, weights)
    loss: Tensor = _MultiKernel.apply(source, target, beta, ratio, bandwidth, unbiased)  # type: ignore[no-untyped-call]
    return loss


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
        _check_options(kernels, ratio, bandwidth, weights)
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


class _MultiKernel(torch.autograd.Function):
    """MMD with one Gram matrix, one exponential and one product on the way back.

    With q_ij = sum_u beta_u r^(K-1-u) exp(-D_ij / b_u), the slope of the kernel over that of the widest bandwidth b, and
    p the number of pairs, dL/ds_i = 4/b (sum_j q(s_i, s_j) (s_j - s_i) / p_ss - sum_j q(s_i, t_j) (t_j - s_i) / p_st).
    The terms in s_i itself go to the diagonal of q(s, s), which is empty.
    """

    @staticmethod
    def forward(
        ctx: Any,
        source: Tensor,
        target: Tensor,
        beta: tuple[float, ...],
        ratio: float,
        bandwidth: float | None,
        unbiased: bool,
    ) -> Tensor:
        n, m = len(source), len(target)
        centre = (source.sum(0) + target.sum(0)) / (n + m)  # (d,)
        # Distances do not depend on the origin, but their rounding does.
        x, y = source - centre, target - centre  # (n, d), (m, d)
        pairs = squared_distances(x, y)
        base = _median(pairs, centre) if bandwidth is None else centre.new_tensor(bandwidth)
        rate = 1 / (base * ratio ** (len(beta) - 1 - len(beta) // 2))  # of the widest kernel
        kernel = pairs_like(_kernel_(pairs.flat, rate, ratio, beta), n, m)
        counts = [n * (n - 1) if unbiased and n > 1 else n * n, n * m, m * (m - 1) if unbiased and m > 1 else m * m]
        alone = sum(beta) * ((counts[0] == n * n) / n + (counts[2] == m * m) / m)  # the pairs of a row with itself
        loss = kernel.xx.sum() / counts[0] + kernel.yy.sum() / counts[2] - 2 * kernel.xy.sum() / counts[1] + alone
        if any(ctx.needs_input_grad):
            slope = pairs
            slope.xx.diagonal().copy_(slope.xy.sum(1) * (counts[0] / counts[1]) - slope.xx.sum(1))
            slope.yy.diagonal().copy_(slope.xy.sum(0) * (counts[2] / counts[1]) - slope.yy.sum(1))
            ctx.save_for_backward(x, y, slope.flat, rate)
            ctx.counts = counts
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, y, flat, rate = ctx.saved_tensors
        slope = pairs_like(flat, len(x), len(y))
        scale, (xx, xy, yy) = 4 * rate * grads[0], ctx.counts
        source = target = None
        if ctx.needs_input_grad[0]:
            source = torch.addmm(slope.xx @ x, slope.xy, y, beta=1 / xx, alpha=-1 / xy).mul_(scale)
        if ctx.needs_input_grad[1]:
            target = torch.addmm(slope.yy @ y, slope.xy.T, x, beta=1 / yy, alpha=-1 / xy).mul_(scale)
        return source, target, None, None, None, None


def _median(pairs: Pairs, centre: Tensor) -> Tensor:
    """Median squared distance, kept above what rounding alone would give where all rows are equal."""
    floor = (8 * torch.finfo(centre.dtype).eps) ** 2 * centre.square().sum() + 1e-30
    return torch.maximum(median_of_pairs(pairs), floor)


def _kernel_(distances: Tensor, rate: Tensor, ratio: float, beta: tuple[float, ...]) -> Tensor:
    """Return the kernel of each pair, and leave q in place of its squared distance.

    With e the values of the widest kernel, those of the others are its powers e^r, e^(r^2), ...
    """
    kernel = torch.empty_like(distances)
    size = CACHED if distances.device.type == "cpu" else len(distances)
    for part, total in zip(torch.split(distances, size), torch.split(kernel, size), strict=True):
        e = torch.mul(part, -rate).exp_()
        torch.mul(e, beta[-1], out=total)
        part.copy_(total)
        for power, weight in enumerate(beta[-2::-1], start=1):
            e.pow_(ratio)
            total.add_(e, alpha=weight)
            part.add_(e, alpha=weight * ratio**power)
    return kernel


def _check_options(
    kernels: int, ratio: float, bandwidth: float | None, weights: Sequence[float] | None
) -> tuple[float, ...]:
    """Return the weights of the kernels."""
    if kernels < 1:
        raise ValueError(f"kernels is {kernels}; expected at least 1")
    if ratio <= 1:
        raise ValueError(f"ratio is {ratio}; expected a number above 1, for bandwidths that grow")
    if bandwidth is not None and not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}; expected a positive number, or None for the median")
    if weights is not None and (len(weights) != kernels or min(weights) < 0):
        raise ValueError(
            f"weights are {list(weights)}; expected {kernels} numbers of zero or more, one for each kernel"
        )
    return (1.0,) * kernels if weights is None else tuple(weights)
