"""Batch spectral penalisation: no single direction may carry the features of a domain."""

# n source rows, m target rows, d width.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def batch_spectral_penalty(features: Tensor, *, largest: int = 1) -> Tensor:
    r"""Sum of the largest squared singular values of the features of a batch.

    .. math::
        L = \sum_{i=1}^k \sigma_i^2(F)

    They are taken as eigenvalues of the smaller of :math:`F F^\top` and :math:`F^\top F`.

    Reference: Chen et al., "Transferability vs. discriminability: batch spectral penalization for adversarial domain
    adaptation", ICML 2019.

    Args:
        features: features of one domain.
        largest: the number k of singular values.

    Shape:
        features (n, d); the result is a scalar.

    Returns:
        The penalty in squared units of the features.

    Example:
        >>> import torch
        >>> batch_spectral_penalty(torch.diag(torch.tensor([1.0, 2.0, 3.0])), largest=2)
        tensor(13.)
    """
    rows, width = features.shape
    gram = features @ features.T if rows < width else features.T @ features
    # In ascending order; rounding may take those of a matrix of low rank below zero.
    squares: Tensor = torch.linalg.eigvalsh(gram)[-largest:]  # (k,)
    return squares.clamp_min(0).sum()


class BSP(nn.Module):
    """Batch spectral penalisation of both domains as a module; :func:`batch_spectral_penalty` summed over the two.

    Reference: Chen et al., "Transferability vs. discriminability: batch spectral penalization for adversarial domain
    adaptation", ICML 2019.

    Args:
        largest: number of singular values of each domain.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for a number below one.

    Example:
        >>> import torch
        >>> BSP()(torch.eye(3), 2 * torch.eye(3))
        tensor(5.)
    """

    def __init__(self, *, largest: int = 1) -> None:
        super().__init__()
        if largest < 1:
            raise ValueError(f"largest is {largest}; expected at least 1")
        self.largest = largest

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        check_pair(source, target)
        first = batch_spectral_penalty(source, largest=self.largest)
        return first + batch_spectral_penalty(target, largest=self.largest)
