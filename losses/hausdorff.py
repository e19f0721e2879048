"""Hausdorff divergence: how far each sample lies from the soft neighbourhood of the other."""

# n source rows, m target rows, d width.
from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from losses.pairwise import distances
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def hausdorff_divergence(
    source: Tensor, target: Tensor, *, power: int = 2, blur: float = 0.05, iterations: int = 30
) -> Tensor:
    r"""Symmetric divergence of the soft distances to the one and the other sample.

    .. math::
        L = \frac12 \Big[ \frac1n \sum_i \big(f_T(s_i) - f_S(s_i)\big) + \frac1m \sum_j \big(f_S(t_j) - f_T(t_j)\big) \Big],
        \qquad f_S(x) = -\epsilon \log \frac1n \sum_i \exp\frac{f_S(s_i) - \frac1p \lVert x - s_i \rVert^p}{\epsilon}

    with :math:`\epsilon = \mathrm{blur}^p`: the potential :math:`f_S` of entropic transport of S to itself is a soft
    distance to S, and the fixed point of its own formula. The loss is the Bregman divergence of the Sinkhorn entropy:
    for a small blur it tends to the mean distance to the nearest row of the other sample, for a large one to the
    energy distance (p = 1) or the distance of the means. The fixed point is found, and differentiated, by iteration.

    Reference: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", AISTATS 2019.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        power: the power p of the cost, 1 or 2.
        blur: the finest detail that is looked at, in units of the features.
        iterations: steps towards the fixed point; each halves the error, or better.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss in units of the features to the power p, zero for equal samples.

    Raises:
        ValueError: for other shapes or options out of range.

    Example:
        >>> import torch
        >>> hausdorff_divergence(torch.zeros(2, 1), torch.ones(3, 1), blur=0.01)  # 1/2 squared distance
        tensor(0.5000)
    """
    check_pair(source, target)
    _check_options(power, blur, iterations)
    epsilon = blur**power
    centre = torch.cat([source, target]).detach().mean(0)  # costs do not depend on the origin, but their rounding does
    x, y = source - centre, target - centre
    ss, st, tt = _cost(x, x, power) / epsilon, _cost(x, y, power) / epsilon, _cost(y, y, power) / epsilon
    f, g = _self_potential(ss, iterations), _self_potential(tt, iterations)  # (n,), (m,)
    on_source = _soft_minimum(g - st) - _soft_minimum(f - ss)  # (n,)
    on_target = _soft_minimum(f - st.T) - _soft_minimum(g - tt)  # (m,)
    return epsilon * (on_source.mean() + on_target.mean()) / 2


class Hausdorff(nn.Module):
    """Hausdorff divergence as a module; see :func:`hausdorff_divergence`.

    Reference: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", AISTATS 2019.

    Args:
        power: the power of the cost, 1 or 2.
        blur: the finest detail that is looked at, in units of the features.
        iterations: steps towards the fixed point.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> bool(Hausdorff()(features, features).abs() < 1e-6)
        True
    """

    def __init__(self, *, power: int = 2, blur: float = 0.05, iterations: int = 30) -> None:
        super().__init__()
        _check_options(power, blur, iterations)
        self.power, self.blur, self.iterations = power, blur, iterations

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return hausdorff_divergence(source, target, power=self.power, blur=self.blur, iterations=self.iterations)


def _self_potential(cost: Tensor, iterations: int) -> Tensor:
    """Potential of the transport of a sample to itself, in units of epsilon, as is the cost."""
    potential = torch.zeros_like(cost[0])
    for _ in range(iterations):
        # The mean of the old and the new: the plain iteration swings to and fro.
        potential = (potential + _soft_minimum(potential - cost)) / 2
    return potential


def _soft_minimum(exponents: Tensor) -> Tensor:
    """Minus the logarithm of the mean exponential of each row."""
    return math.log(exponents.shape[1]) - exponents.logsumexp(1)


def _cost(x: Tensor, y: Tensor, power: int) -> Tensor:
    return distances(x, y, power=power) / power


def _check_options(power: int, blur: float, iterations: int) -> None:
    if power not in (1, 2):
        raise ValueError(f"power is {power}; expected 1 or 2")
    if not blur > 0:
        raise ValueError(f"blur is {blur}; expected a positive number, in units of the features")
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; expected at least 1")
