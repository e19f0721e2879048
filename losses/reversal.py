"""Gradient reversal: the identity forward, the gradient times a negative number backward."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * -ctx.strength, None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    r"""Pass the features on unchanged and turn their gradient round.

    .. math::
        R_\lambda(x) = x, \qquad \frac{\partial R_\lambda}{\partial x} = -\lambda I

    Reference: Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Args:
        x: features of any shape.
        strength: the number lambda; it scales the gradient only.

    Shape:
        Any; the result has the same.

    Returns:
        The features, bit for bit.

    Example:
        >>> import torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> reverse_gradient(x, 0.5).sum().backward()
        >>> x.grad
        tensor([-0.5000, -0.5000])
    """
    reversed_: Tensor = _Reverse.apply(x, strength)  # type: ignore[no-untyped-call]
    return reversed_


def reversal_strength(progress: float, *, steepness: float = 10.0) -> float:
    r"""Strength of the reversal as training goes on: 0 at the start, nearly 1 at the end.

    .. math::
        \lambda(p) = \frac{2}{1 + e^{-\gamma p}} - 1

    Reference: Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Args:
        progress: the part p of the training that is done, from 0 to 1.
        steepness: the number gamma.

    Returns:
        The strength, from 0 to 1.

    Raises:
        ValueError: for progress outside [0, 1].

    Example:
        >>> [round(reversal_strength(p), 4) for p in (0.0, 0.1, 1.0)]
        [0.0, 0.4621, 0.9999]
    """
    if not 0.0 <= progress <= 1.0:
        raise ValueError(f"progress is {progress}; expected the part of the training that is done, from 0 to 1")
    return 2.0 / (1.0 + math.exp(-steepness * progress)) - 1.0


class GradientReversal(nn.Module):
    """Gradient reversal as a layer; see :func:`reverse_gradient`.

    The strength comes with each call, so that a schedule stays outside and the layer counts nothing.

    Reference: Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Shape:
        Any; the result has the same.

    Example:
        >>> import torch
        >>> GradientReversal()(torch.tensor([1.0, 2.0]), strength=0.3)
        tensor([1., 2.])
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, strength: float = 1.0) -> Tensor:
        """Pass the features on unchanged and turn their gradient round."""
        return reverse_gradient(x, strength)
