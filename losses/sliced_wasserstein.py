"""Sliced Wasserstein distance: optimal transport along random lines, where it is a matter of sorting."""

# n source rows, m target rows, d width, P projections.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def sliced_wasserstein(source: Tensor, target: Tensor, directions: Tensor, *, power: float = 2.0) -> Tensor:
    r"""Mean over lines of the Wasserstein distance, to the power p, between the samples projected on them.

    .. math::
        L = \frac1P \sum_{\theta} W_p^p(\theta^\top S, \theta^\top T), \qquad
        W_p^p(a, b) = \int_0^1 |F_a^{-1}(u) - F_b^{-1}(u)|^p \, du

    The integral over the quantile functions is exact for any n and m. No root is taken: the loss is smooth where the
    samples meet.

    Reference: Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", Journal of Mathematical Imaging
    and Vision 2015; Lee et al., "Sliced Wasserstein discrepancy for unsupervised domain adaptation", CVPR 2019.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        directions: the lines as columns; see :func:`random_directions`.
        power: the power p, at least 1.

    Shape:
        source (n, d), target (m, d), directions (d, P); the result is a scalar.

    Returns:
        The loss in units of the features to the power p, zero for equal samples.

    Raises:
        ValueError: for other shapes or a power below 1.

    Example:
        >>> import torch
        >>> sliced_wasserstein(torch.tensor([[0.0]]), torch.tensor([[1.0], [3.0]]), torch.ones(1, 1))  # (1 + 9) / 2
        tensor(5.)
    """
    check_pair(source, target)
    _check_power(power)
    if directions.ndim != 2 or directions.shape[0] != source.shape[1]:
        raise ValueError(f"directions have shape {tuple(directions.shape)}; expected ({source.shape[1]}, P)")
    directions = directions.to(source)
    centre = torch.cat([source, target]).detach().mean(0)  # large numbers in common would take digits from the products
    a = ((source - centre) @ directions).sort(0).values  # (n, P)
    b = ((target - centre) @ directions).sort(0).values  # (m, P)
    if len(a) == len(b):
        return (a - b).abs().pow(power).mean()
    n, m = len(a), len(b)
    # In units of 1/(nm) the quantile functions step at multiples of m and of n: integers, without rounding.
    steps = torch.unique(torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]))  # (levels,)
    widths = steps.diff(prepend=steps.new_zeros(1)).to(a) / (n * m)  # (levels,)
    a_level, b_level = ((steps - 1) // m).to(a.device), ((steps - 1) // n).to(b.device)
    integrals: Tensor = widths @ (a[a_level] - b[b_level]).abs().pow(power)  # (P,)
    return integrals.mean()


def random_directions(width: int, count: int, *, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw directions evenly from the unit sphere.

    Args:
        width: width d of the features.
        count: number P of directions.
        like: a tensor that says on which device, and whether in float64.
        generator: the source of randomness; torch's own by default.

    Shape:
        The result is (d, P).

    Returns:
        One direction of length one in each column.

    Example:
        >>> import torch
        >>> random_directions(3, 5, like=torch.zeros(1)).square().sum(0).round(decimals=4)
        tensor([1., 1., 1., 1., 1.])
    """
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    normal = torch.randn(width, count, generator=generator, device=like.device, dtype=dtype)
    directions: Tensor = normal / torch.linalg.vector_norm(normal, dim=0)
    return directions


class SlicedWasserstein(nn.Module):
    """Sliced Wasserstein distance along directions drawn at each call, as a module; see :func:`sliced_wasserstein`.

    Reference: Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", Journal of Mathematical Imaging
    and Vision 2015; Lee et al., "Sliced Wasserstein discrepancy for unsupervised domain adaptation", CVPR 2019.

    Args:
        projections: number of directions.
        power: the power of the distance, at least 1.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> SlicedWasserstein()(features, features)
        tensor(0.)
    """

    def __init__(self, *, projections: int = 128, power: float = 2.0) -> None:
        super().__init__()
        if projections < 1:
            raise ValueError(f"projections is {projections}; expected at least 1")
        _check_power(power)
        self.projections, self.power = projections, power

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        check_pair(source, target)
        directions = random_directions(source.shape[1], self.projections, like=source)
        return sliced_wasserstein(source, target, directions, power=self.power)


def _check_power(power: float) -> None:
    if not power >= 1:
        raise ValueError(f"power is {power}; expected at least 1")
