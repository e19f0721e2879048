"""Central moment discrepancy: means, variances and higher moments compared one by one."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def cmd(source: Tensor, target: Tensor, *, moments: int = 5, width: float = 1.0) -> Tensor:
    r"""Sum of the distances between the means and the central moments of source and target.

    .. math::
        L = \frac1w \lVert \bar s - \bar t \rVert_2
          + \sum_{k=2}^K \frac{1}{w^k} \lVert c_k(S) - c_k(T) \rVert_2, \qquad
        c_k(S) = \frac1n \sum_i (s_i - \bar s)^k

    with powers taken number by number. It is made for features in an interval of width :math:`w`, such as those after a
    sigmoid (1) or a hyperbolic tangent (2); the higher moments of unbounded ones swamp all others.

    Reference: Zellinger et al., "Central moment discrepancy (CMD) for domain-invariant representation learning",
    ICLR 2017.

    Args:
        source: features of the source domain.
        target: features of the target domain.
        moments: the highest moment K.
        width: width w of the interval of the features.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss, zero for samples with equal moments.

    Raises:
        ValueError: for other shapes or options out of range.

    Example:
        >>> import torch
        >>> cmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.5], [0.5]]), moments=2)  # 0 + 1/4
        tensor(0.2500)
    """
    check_pair(source, target)
    _check_options(moments, width)
    means = source.mean(0) / width, target.mean(0) / width
    x, y = source / width - means[0], target / width - means[1]
    loss = _norm(means[0] - means[1])
    x_power, y_power = x, y
    for _ in range(2, moments + 1):
        x_power, y_power = x_power * x, y_power * y
        loss = loss + _norm(x_power.mean(0) - y_power.mean(0))
    return loss


class CMD(nn.Module):
    """Central moment discrepancy as a module; see :func:`cmd`.

    Reference: Zellinger et al., "Central moment discrepancy (CMD) for domain-invariant representation learning",
    ICLR 2017.

    Args:
        moments: the highest moment.
        width: width of the interval of the features.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> CMD()(features, features)
        tensor(0.)
    """

    def __init__(self, *, moments: int = 5, width: float = 1.0) -> None:
        super().__init__()
        _check_options(moments, width)
        self.moments, self.width = moments, width

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return cmd(source, target, moments=self.moments, width=self.width)


def _norm(difference: Tensor) -> Tensor:
    """Euclidean norm that does not overflow where its square would, with gradient zero at zero."""
    largest = difference.detach().abs().max().clamp_min(torch.finfo(difference.dtype).tiny)
    norm: Tensor = torch.linalg.vector_norm(difference / largest)
    return largest * norm


def _check_options(moments: int, width: float) -> None:
    if moments < 1:
        raise ValueError(f"moments is {moments}; expected at least 1")
    if not width > 0:
        raise ValueError(f"width is {width}; expected a positive number, the width of the interval of the features")
