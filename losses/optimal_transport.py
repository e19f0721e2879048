"""The Sinkhorn divergence, through geomloss."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def sinkhorn_divergence(
    source: Tensor, target: Tensor, *, power: int = 2, blur: float = 0.05, scaling: float = 0.5
) -> Tensor:
    r"""Debiased entropic optimal transport between the two samples.

    .. math::
        L = OT_\epsilon(S, T) - \tfrac12 OT_\epsilon(S, S) - \tfrac12 OT_\epsilon(T, T), \qquad
        OT_\epsilon(S, T) = \min_\pi \sum_{ij} \pi_{ij} \tfrac1p \lVert s_i - t_j \rVert^p
          + \epsilon \, KL(\pi \,\Vert\, \tfrac1n \otimes \tfrac1m)

    over the plans :math:`\pi` whose margins are uniform, with :math:`\epsilon = \mathrm{blur}^p`. It needs geomloss.

    Reference: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", AISTATS 2019.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        power: the power p of the cost, 1 or 2.
        blur: the finest detail that is looked at, in units of the features.
        scaling: ratio of successive blurs of the annealing, in (0, 1); nearer 1 is slower and more exact.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss in units of the features to the power p, zero for equal samples.

    Raises:
        ValueError: for other shapes or options out of range.
        ImportError: without geomloss.

    Example:
        >>> import torch
        >>> sinkhorn_divergence(torch.zeros(2, 1), torch.ones(3, 1), blur=0.01)  # 1/2 squared distance
        tensor(0.5000)
    """
    check_pair(source, target)
    _check_options(power, blur, scaling)
    with torch.no_grad():
        both = torch.cat([source, target])
        centre = both.mean(0)  # costs do not depend on the origin, but their rounding does
        # Without a width, or with one below the blur, the annealing would have no first step.
        diameter = max(float((both.amax(0) - both.amin(0)).norm()), blur)
    loss: Tensor = _samples_loss()(
        "sinkhorn", p=power, blur=blur, scaling=scaling, diameter=diameter, debias=True, backend="tensorized"
    )(source - centre, target - centre)
    return loss


class Sinkhorn(nn.Module):
    """Debiased entropic optimal transport as a module; see :func:`sinkhorn_divergence`.

    Reference: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", AISTATS 2019.

    Args:
        power: the power of the cost, 1 or 2.
        blur: the finest detail that is looked at, in units of the features.
        scaling: ratio of successive blurs of the annealing, in (0, 1); nearer 1 is slower and more exact.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> bool(Sinkhorn()(features, features).abs() < 1e-6)
        True
    """

    def __init__(self, *, power: int = 2, blur: float = 0.05, scaling: float = 0.5) -> None:
        super().__init__()
        _check_options(power, blur, scaling)
        self.power, self.blur, self.scaling = power, blur, scaling

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return sinkhorn_divergence(source, target, power=self.power, blur=self.blur, scaling=self.scaling)


def _samples_loss() -> type[nn.Module]:
    try:
        from geomloss import SamplesLoss
    except ImportError as error:
        raise ImportError("the Sinkhorn divergence needs geomloss: pip install geomloss") from error
    kind: type[nn.Module] = SamplesLoss
    return kind


def _check_options(power: int, blur: float, scaling: float) -> None:
    if power not in (1, 2):
        raise ValueError(f"power is {power}; expected 1 or 2")
    if not blur > 0:
        raise ValueError(f"blur is {blur}; expected a positive number, in units of the features")
    if not 0 < scaling < 1:
        raise ValueError(f"scaling is {scaling}; expected a number between 0 and 1")
