"""CORAL: the distance between the covariances of the two domains."""

# n source rows, m target rows, N = n + m, d width.
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from losses.differentiation import first_order_only
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def coral(source: Tensor, target: Tensor) -> Tensor:
    r"""Squared distance between the covariances of source and target.

    .. math::
        L = \frac{1}{4 d^2} \lVert C_S - C_T \rVert_F^2, \qquad
        C_S = \frac{1}{n - 1} \sum_i (s_i - \bar s)(s_i - \bar s)^\top

    and :math:`C_T` alike. Where d is above n + m, no covariance is formed: with the centred rows
    :math:`a_i = (s_i - \bar s) / \sqrt{n - 1}` and :math:`b_j` alike,

    .. math::
        \lVert C_S - C_T \rVert_F^2 = \sum_{ik} (a_i \cdot a_k)^2 + \sum_{jl} (b_j \cdot b_l)^2
          - 2 \sum_{ij} (a_i \cdot b_j)^2,

    in O(N min(N, d) + N d) memory for N = n + m. A single row has a covariance of zero. The gradient is differentiable
    once.

    Reference: Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops 2016.

    Args:
        source: features of the source domain.
        target: features of the target domain.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Returns:
        The loss, zero for equal covariances.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> source = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        >>> coral(source, 2 * source)  # (8 - 2)^2 / 16
        tensor(2.2500)
    """
    check_pair(source, target)
    loss: Tensor = _CovarianceGap.apply(source, target)  # type: ignore[no-untyped-call]
    return loss


class CORAL(nn.Module):
    """Squared distance between the covariances of source and target as a module; see :func:`coral`.

    Reference: Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops 2016.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> CORAL()(features, features)
        tensor(0.)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return coral(source, target)


class _CovarianceGap(torch.autograd.Function):
    """CORAL with one product of each pair of matrices forward and one backward.

    With the rows a_i and b_j times (2d)^-1/2 as matrices A and B, L = |C|^2 for C = A'A - B'B, and dL/dA = 4AC,
    dL/dB = -4BC. Where d is large, |C|^2 = |AA'|^2 + |BB'|^2 - 2|AB'|^2 and AC = (AA')A - (AB')B. Both gradients are
    centred as A and B are: centring needs no step of its own on the way back.
    """

    @staticmethod
    def forward(ctx: Any, source: Tensor, target: Tensor) -> Tensor:
        a, b = _centred_rows(source), _centred_rows(target)  # (n, d), (m, d)
        if a.shape[1] <= len(a) + len(b):
            products = [(a.T @ a).sub_(b.T @ b)]  # (d, d)
            loss = _square_sum(products[0])
        else:
            products = [a @ a.T, a @ b.T, b @ b.T]  # (n, n), (n, m), (m, m)
            within, across, within_target = map(_square_sum, products)
            # Rounding may take the difference below zero.
            loss = (within + within_target - 2 * across).clamp_min_(0)
        ctx.save_for_backward(a, b, *products)
        return loss

    @staticmethod
    @first_order_only
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        a, b, *products = ctx.saved_tensors
        if len(products) == 1:
            source, target = a @ products[0], b @ products[0].neg()
        else:
            aa, ab, bb = products
            source, target = torch.addmm(ab @ b, aa, a, beta=-1), torch.addmm(ab.T @ a, bb, b, beta=-1)
        return source.mul_(4 * _row_scale(a) * grads[0]), target.mul_(4 * _row_scale(b) * grads[0])


def _centred_rows(features: Tensor) -> Tensor:
    return (features - features.mean(0)).mul_(_row_scale(features))


def _row_scale(features: Tensor) -> float:
    """Return (2d (n - 1))^-1/2; a single row is centred to zero, and then any number will do."""
    rows, width = features.shape
    return float((2 * width * max(rows - 1, 1)) ** -0.5)


def _square_sum(matrix: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(matrix)
    return norm.square()
