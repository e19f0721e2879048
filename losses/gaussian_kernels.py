"""Weighted sums of Gaussian kernels over all pairs of rows: what the maximum mean discrepancies have in common."""

# n source rows, m target rows, d width, L layers, K kernels.
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from losses.differentiation import first_order_only
from losses.pairwise import CACHED, Pairs, median_of_pairs, pairs_like, squared_distances


class Gaussians(NamedTuple):
    r"""A sum of Gaussian kernels whose bandwidths grow geometrically round a base.

    .. math::
        k(x, y) = \sum_{u=0}^{K-1} \beta_u \exp\frac{-\lVert x - y \rVert^2}{b \, r^{u - \lfloor K/2 \rfloor}}
    """

    weights: tuple[float, ...]
    """The weights beta, from the smallest bandwidth to the largest."""
    ratio: float
    """The ratio r of neighbouring bandwidths."""
    bandwidth: float | None
    """The base b in squared units of the features; None for the median squared distance of the pairs."""


class PairWeights(NamedTuple):
    """The weight of each pair of rows in a sum over pairs: numbers where all pairs of a kind weigh the same."""

    xx: float | Tensor
    """Of two source rows, symmetric."""
    xy: float | Tensor
    """Of a source and a target row."""
    yy: float | Tensor
    """Of two target rows, symmetric."""
    alone: float | Tensor
    """Of all pairs of a row with itself together, whatever stands on the diagonals of the others."""


def gaussians(*, kernels: int, ratio: float, bandwidth: float | None, weights: Sequence[float] | None) -> Gaussians:
    """Check the options of a sum of Gaussian kernels.

    Args:
        kernels: number of kernels.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: the base, or None for the median.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.

    Returns:
        The kernel.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> gaussians(kernels=3, ratio=2.0, bandwidth=None, weights=None).weights
        (1.0, 1.0, 1.0)
    """
    if kernels < 1:
        raise ValueError(f"kernels is {kernels}; expected at least 1")
    if not ratio > 1:
        raise ValueError(f"ratio is {ratio}; expected a number above 1, for bandwidths that grow")
    if bandwidth is not None and not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}; expected a positive number, or None for the median")
    if weights is not None and (len(weights) != kernels or min(weights) < 0):
        raise ValueError(
            f"weights are {list(weights)}; expected {kernels} numbers of zero or more, one for each kernel"
        )
    return Gaussians((1.0,) * kernels if weights is None else tuple(weights), ratio, bandwidth)


def kernel_sum(source: Sequence[Tensor], target: Sequence[Tensor], weights: PairWeights, kernel: Gaussians) -> Tensor:
    r"""Weighted sum over pairs of the product over layers of the kernel.

    .. math::
        L = \sum_{ij} w^{ss}_{ij} k(s_i, s_j) + \sum_{ij} w^{tt}_{ij} k(t_i, t_j) + \sum_{ij} w^{st}_{ij} k(s_i, t_j),
        \qquad k(x, y) = \prod_l k_l(x^l, y^l)

    The weights, and bandwidths that are medians, are constants in the gradient, which is differentiable once.

    Args:
        source: the features of each layer of the source rows.
        target: the features of each layer of the target rows.
        weights: the weight of each pair.
        kernel: the kernel of every layer.

    Shape:
        source L times (n, d_l), target L times (m, d_l); the result is a scalar.

    Returns:
        The sum.

    Example:
        >>> import torch
        >>> narrow = Gaussians((1.0,), 2.0, 1.0)
        >>> rows = [torch.zeros(1, 1)], [torch.ones(1, 1)]
        >>> kernel_sum(*rows, PairWeights(0.0, 1.0, 0.0, 0.0), narrow)  # 1 / e
        tensor(0.3679)
    """
    total: Tensor = _KernelSum.apply(weights, kernel, *source, *target)  # type: ignore[no-untyped-call]
    return total


class _KernelSum(torch.autograd.Function):
    """One Gram matrix and one exponential a layer, and one product on the way back.

    With q_l = sum_u beta_u r^(K-1-u) exp(-D_l / b_u), so that k_l' = -q_l / b with the widest bandwidth b, and
    a = q_l prod_(h != l) k_h, the gradient of row s_i of layer l is
    2/b (sum_j 2 w_ij a(s_i, s_j) (s_j - s_i) + sum_j w_ij a(s_i, t_j) (t_j - s_i)). Its terms in s_i itself are put on
    the diagonal of a(s, s), which is empty.
    """

    @staticmethod
    def forward(ctx: Any, weights: PairWeights, kernel: Gaussians, *layers: Tensor) -> Tensor:
        half = len(layers) // 2
        rows, values, slopes, rates = [], [], [], []
        for source, target in zip(layers[:half], layers[half:], strict=True):
            centre = source.mean(0).lerp_(target.mean(0), len(target) / (len(source) + len(target)))  # (d,)
            # Distances do not depend on the origin, but their rounding does.
            x, y = source - centre, target - centre  # (n, d), (m, d)
            pairs = squared_distances(x, y)
            rate = _widest_rate(pairs, centre, kernel)
            values.append(_kernel_(pairs.flat, rate, kernel))
            rows += [x, y]
            slopes.append(pairs)
            rates.append(rate)
        product = pairs_like(_product(values), len(x), len(y))
        total = product.flat.new_zeros(())
        for kind, weight in zip(product[1:], weights[:3], strict=True):
            if isinstance(weight, float):
                total.add_(kind.sum(), alpha=weight)
            else:
                total.add_((weight * kind).sum())
        total.add_(weights.alone * sum(kernel.weights) ** half)
        if any(ctx.needs_input_grad):
            for layer, slope in enumerate(slopes):
                for other in values[:layer] + values[layer + 1 :]:
                    slope.flat.mul_(other)
                ctx.scales = _weigh_(slope, weights)
            ctx.save_for_backward(*rows, *rates, *(slope.flat for slope in slopes))
        return total

    @staticmethod
    @first_order_only
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        half = (len(ctx.needs_input_grad) - 2) // 2
        rows, rates = ctx.saved_tensors[: 2 * half], ctx.saved_tensors[2 * half : 3 * half]
        xx, xy, yy = ctx.scales
        sources: list[Tensor | None] = []
        targets: list[Tensor | None] = []
        for layer in range(half):
            x, y, scale = rows[2 * layer], rows[2 * layer + 1], 2 * rates[layer] * grads[0]
            slope = pairs_like(ctx.saved_tensors[3 * half + layer], len(x), len(y))
            wanted = ctx.needs_input_grad[2 + layer], ctx.needs_input_grad[2 + half + layer]
            sources.append(torch.addmm(slope.xx @ x, slope.xy, y, beta=xx, alpha=xy).mul_(scale) if wanted[0] else None)
            targets.append(
                torch.addmm(slope.yy @ y, slope.xy.T, x, beta=yy, alpha=xy).mul_(scale) if wanted[1] else None
            )
        return None, None, *sources, *targets


def _widest_rate(pairs: Pairs, centre: Tensor, kernel: Gaussians) -> Tensor:
    """One over the largest bandwidth."""
    steps = len(kernel.weights) - 1 - len(kernel.weights) // 2
    if kernel.bandwidth is not None:
        return centre.new_full((), 1 / (kernel.bandwidth * kernel.ratio**steps))
    # Where all rows are equal, their distances are what rounding made them: of that the kernel shall see nothing.
    floor = torch.dot(centre, centre).mul_((8 * torch.finfo(centre.dtype).eps) ** 2).add_(1e-30)
    return torch.maximum(median_of_pairs(pairs), floor).reciprocal_().mul_(kernel.ratio**-steps)


def _kernel_(distances: Tensor, rate: Tensor, kernel: Gaussians) -> Tensor:
    """Return the kernel of each pair, and leave q in place of its squared distance.

    With e the values of the widest kernel, those of the others are its powers e^r, e^(r^2), ...
    """
    result = torch.empty_like(distances)
    size = CACHED if distances.device.type == "cpu" else len(distances)
    for part, total in zip(torch.split(distances, size), torch.split(result, size), strict=True):
        e = torch.mul(part, -rate).exp_()
        torch.mul(e, kernel.weights[-1], out=total)
        part.copy_(total)
        for power, weight in enumerate(kernel.weights[-2::-1], start=1):
            e.pow_(kernel.ratio)
            total.add_(e, alpha=weight)
            part.add_(e, alpha=weight * kernel.ratio**power)
    return result


def _product(factors: list[Tensor]) -> Tensor:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _weigh_(slope: Pairs, weights: PairWeights) -> tuple[float, float, float]:
    """Put on the diagonals what the rows themselves are multiplied with; return what is left to multiply all with."""
    scales = 2.0, 1.0, 2.0
    if isinstance(weights.xx, float) and isinstance(weights.xy, float) and isinstance(weights.yy, float):
        scales = 2 * weights.xx, weights.xy, 2 * weights.yy
    else:
        for kind, weight in zip(slope[1:], weights[:3], strict=True):
            kind.mul_(weight)
    slope.xx.diagonal().sub_(slope.xx.sum(1).add_(slope.xy.sum(1), alpha=scales[1] / scales[0]))
    slope.yy.diagonal().sub_(slope.yy.sum(1).add_(slope.xy.sum(0), alpha=scales[1] / scales[2]))
    return scales
