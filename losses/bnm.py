"""Batch nuclear-norm maximisation: predictions both sure and diverse."""

# n rows, K classes.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_logits


@full_precision
def batch_nuclear_norm(logits: Tensor) -> Tensor:
    r"""Negative nuclear norm of the matrix of predictions, a row.

    .. math::
        L = -\frac1n \lVert P \rVert_* = -\frac1n \sum_i \sigma_i(P)

    with :math:`P` the softmax of the logits and :math:`\sigma` its singular values.

    Reference: Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label
    insufficient situations", CVPR 2020.

    Args:
        logits: unnormalised class scores, of the target domain as a rule.

    Shape:
        logits (n, K); the result is a scalar.

    Returns:
        The negative norm, from -min(1, sqrt(K / n)) to below zero.

    Raises:
        ValueError: for another shape.

    Example:
        >>> import torch
        >>> batch_nuclear_norm(1000 * torch.eye(4))
        tensor(-1.)
    """
    check_logits(logits)
    singular: Tensor = torch.linalg.svdvals(logits.softmax(1))  # (min(n, K),)
    return -singular.sum() / len(logits)


class BNM(nn.Module):
    """Batch nuclear-norm maximisation as a module; see :func:`batch_nuclear_norm`.

    Reference: Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label
    insufficient situations", CVPR 2020.

    Shape:
        logits (n, K); the result is a scalar.

    Example:
        >>> import torch
        >>> BNM()(torch.zeros(4, 4))
        tensor(-0.2500)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor) -> Tensor:
        """Return the loss."""
        return batch_nuclear_norm(logits)
