"""The floating-point precision in which a loss is computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Compute a function in float32 or float64, whatever its inputs and the autocast state.

    Differences of nearly equal sums (a kernel estimate, a covariance gap) lose all their digits in 16 bits. Tensors of
    16 bits are raised to float32, float64 stays as it is, and autocast is off inside. Gradients come back in the
    precision of the inputs.

    Args:
        function: takes at least one tensor, alone or in a list or tuple.

    Returns:
        The function in full precision.

    Example:
        >>> import torch
        >>> total = full_precision(torch.sum)
        >>> total(torch.ones(3, dtype=torch.bfloat16))
        tensor(3.)
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        raised = [_raise(argument) for argument in args]
        named = {name: _raise(argument) for name, argument in kwargs.items()}
        device = _device_type([*raised, *named.values()])
        if device is None or not torch.is_autocast_enabled(device):
            return function(*raised, **named)
        with torch.autocast(device, enabled=False):
            return function(*raised, **named)

    return call


def _raise(value: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point() and value.element_size() < 4:
        return value.float()
    if isinstance(value, (list, tuple)):
        raised = [_raise(element) for element in value]
        return raised if isinstance(value, list) else tuple(raised)
    return value


def _device_type(values: list[Any]) -> str | None:
    for value in values:
        if isinstance(value, Tensor):
            return value.device.type
        if isinstance(value, (list, tuple)) and (found := _device_type(list(value))):
            return found
    return None
