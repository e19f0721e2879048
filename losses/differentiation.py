"""Hand-written gradients that say so when their own gradient is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch

R = TypeVar("R")


def first_order_only(backward: Callable[..., R]) -> Callable[..., R]:
    """Refuse a second derivative, and otherwise run a hand-written backward pass without recording it.

    torch's own ``once_differentiable`` sees the incoming gradient only: the second derivative by the inputs would be
    missing in silence.

    Args:
        backward: the backward pass of a ``torch.autograd.Function``.

    Returns:
        The same, to be used as a static method.

    Raises:
        RuntimeError: when it runs, if the graph of the gradient is asked for (``create_graph=True``).

    Example:
        >>> class Square(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...
        ...     @staticmethod
        ...     @first_order_only
        ...     def backward(ctx, grad):
        ...         return 2 * ctx.saved_tensors[0] * grad
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.grad(Square.apply(x), x)
        (tensor(6.),)
    """

    @wraps(backward)
    def once(ctx: Any, *grads: Any) -> R:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "this loss has a hand-written gradient and no second derivative; "
                "leave it out of what is differentiated with create_graph=True"
            )
        return backward(ctx, *grads)

    return once
