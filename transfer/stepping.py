"""What a phase that steps itself is given: its optimizers and a backward pass, with the checks of the loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from transfer.shards import average

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Guarded", "Root", "Stepping", "clip_and_step", "numbers"]


class Root(nn.ModuleList):
    """All modules of a stage, whose parameters are looked up once: walking the modules at each step takes longer.

    Example:
        >>> root = Root([nn.Linear(1, 1)])
        >>> root[0](torch.ones(1)).backward()
        >>> root.zero_grad()
        >>> root[0].weight.grad is None
        True
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__(modules)
        self._weights = tuple(self.parameters())

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for weight in self._weights:
            weight.grad = None


def numbers(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Return scalars as numbers; from a GPU all at once, for it is waited for each time.

    Example:
        >>> numbers({"mmd": torch.tensor(0.5)})
        {'mmd': 0.5}
    """
    scalars = [term.detach() for term in terms.values()]
    if scalars[0].device.type == "cuda":
        return dict(zip(terms, torch.stack([scalar.double() for scalar in scalars]).tolist(), strict=True))
    return dict(zip(terms, (scalar.item() for scalar in scalars), strict=True))


def clip_and_step(fabric: Fabric, root: nn.Module, optimizer: Any, clip: float | None) -> bool:
    """Clip the gradient of what an optimizer drives, and step it; return False, with no step, for one that is not finite.

    Where several processes compute a batch together (`transfer.shards`), the gradient is that of all of them.

    Args:
        fabric: device and precision; float16 scales its gradients, and skips a step of its own accord.
        root: all modules.
        optimizer: set up by fabric.
        clip: largest norm; None clips nothing.
    """
    average([p.grad for group in optimizer.param_groups for p in group["params"]])
    norm = fabric.clip_gradients(root, optimizer, max_norm=clip or math.inf, error_if_nonfinite=False)
    if fabric._precision.precision != "16-mixed" and not torch.isfinite(torch.as_tensor(norm)):
        return False
    optimizer.step()
    return True


class Stepping:
    """The optimizers and the backward pass of one training step that is taken outside the loop.

    A loss or gradient that is not finite is noted in `broken`; from then on nothing is stepped any more, and the loop,
    which is handed it among the step's values, ends the run.

    Args:
        fabric: device and precision.
        root: all modules.
        optimizers: those of the phase, by name.
        clip: largest norm of the gradient of what an optimizer drives.
    """

    def __init__(self, fabric: Fabric, root: nn.Module, optimizers: Mapping[str, Any], clip: float | None) -> None:
        self.fabric, self.root, self.clip = fabric, root, clip
        self.optimizers = {name: Guarded(self, name, optimizer) for name, optimizer in optimizers.items()}
        self.pending: set[str] = set()
        self.broken: dict[str, float] = {}

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss, a scalar, to what is there."""
        value = loss.detach().item()
        if not math.isfinite(value):
            self.broken["loss"] = value
        if not self.broken:
            with torch.autocast(
                self.fabric.device.type, enabled=False
            ):  # the gradient takes the types of the forward pass
                self.fabric.backward(loss)


class Guarded:
    """An optimizer whose step clips the gradient, and is not taken once something was not finite.

    Args:
        stepping: the training step it belongs to.
        name: of the optimizer.
        optimizer: set up by fabric.
    """

    def __init__(self, stepping: Stepping, name: str, optimizer: Any) -> None:
        self.stepping, self.name, self.optimizer = stepping, name, optimizer

    def zero_grad(self) -> None:
        """Forget the gradient, and await one: the optimizer is `pending` until it steps."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        self.stepping.pending.add(self.name)

    def step(self) -> None:
        """Take the step, unless something is not finite."""
        own = self.stepping
        own.pending.discard(self.name)
        if not own.broken and not clip_and_step(own.fabric, own.root, self.optimizer, own.clip):
            own.broken["gradient norm"] = math.nan
