"""Energy distance between the two domains."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.pairwise import distances
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def energy_distance(source: Tensor, target: Tensor) -> Tensor:
    r"""Half the energy distance: the maximum mean discrepancy of the kernel :math:`-\lVert x - y \rVert`.

    .. math::
        L = \frac{1}{nm} \sum_{ij} \lVert s_i - t_j \rVert - \frac{1}{2 n^2} \sum_{ij} \lVert s_i - s_j \rVert
          - \frac{1}{2 m^2} \sum_{ij} \lVert t_i - t_j \rVert

    It scales with the features and has no bandwidth to choose. The convention (one half) is that of geomloss.

    Reference: Szekely and Rizzo, "Energy statistics: a class of statistics based on distances", Journal of Statistical
    Planning and Inference 2013.

    Args:
        source: features of the source domain.
        target: features of the target domain.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss in units of the features, zero for equal samples.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> energy_distance(torch.zeros(2, 1), torch.tensor([[1.0], [3.0]]))  # 2 - 0 - 1/2
        tensor(1.5000)
    """
    check_pair(source, target)
    # Distances do not depend on the origin, but their rounding does.
    centre = torch.cat([source, target]).detach().mean(0)
    x, y = source - centre, target - centre
    within = distances(x, x).mean() + distances(y, y).mean()
    return distances(x, y).mean() - within / 2


class Energy(nn.Module):
    """Half the energy distance as a module; see :func:`energy_distance`.

    Reference: Szekely and Rizzo, "Energy statistics: a class of statistics based on distances", Journal of Statistical
    Planning and Inference 2013.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Example:
        >>> import torch
        >>> Energy()(torch.tensor([[0.0]]), torch.tensor([[2.0]]))
        tensor(2.)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return energy_distance(source, target)
