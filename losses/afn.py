"""Adaptive feature norm: features of larger norm transfer better."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def adaptive_feature_norm(features: Tensor, *, step: float = 1.0, radius: float | None = None) -> Tensor:
    r"""Pull the norm of each row a step beyond where it is, or the mean norm to a radius.

    .. math::
        L = \frac1n \sum_i \left(\lVert f_i \rVert_2 - \lVert f_i \rVert_2^{const} - \Delta \right)^2
        \quad\text{or, with a radius,}\quad
        L = \left(\frac1n \sum_i \lVert f_i \rVert_2 - R \right)^2

    In the stepwise form (SAFN) the value is always the squared step: only the gradient says something.

    Reference: Xu et al., "Larger norm more transferable: an adaptive feature norm approach for unsupervised domain
    adaptation", ICCV 2019.

    Args:
        features: features of one domain.
        step: how far beyond, in units of the features.
        radius: the radius R of the other form (HAFN); the stepwise form by default.

    Shape:
        features (n, d); the result is a scalar.

    Returns:
        The loss in squared units of the features.

    Example:
        >>> import torch
        >>> adaptive_feature_norm(torch.tensor([[3.0, 4.0]]), radius=7.0)
        tensor(4.)
    """
    norms: Tensor = torch.linalg.vector_norm(features, dim=1)  # (n,), with gradient zero at zero
    if radius is not None:
        return (norms.mean() - radius).square()
    return (norms - norms.detach() - step).square().mean()


class AFN(nn.Module):
    """Adaptive feature norm of both domains as a module; the sum of :func:`adaptive_feature_norm` over the two.

    Reference: Xu et al., "Larger norm more transferable: an adaptive feature norm approach for unsupervised domain
    adaptation", ICCV 2019.

    Args:
        step: how far beyond its place each norm is pulled, in units of the features.
        radius: the norm to which the mean of each domain is pulled instead.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for a negative step or radius.

    Example:
        >>> import torch
        >>> AFN(step=0.5)(torch.rand(4, 8), torch.rand(6, 8))
        tensor(0.5000)
    """

    def __init__(self, *, step: float = 1.0, radius: float | None = None) -> None:
        super().__init__()
        if step < 0 or (radius is not None and radius < 0):
            raise ValueError(f"step is {step} and radius {radius}; expected norms of zero or more")
        self.step, self.radius = step, radius

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        check_pair(source, target)
        first = adaptive_feature_norm(source, step=self.step, radius=self.radius)
        return first + adaptive_feature_norm(target, step=self.step, radius=self.radius)
