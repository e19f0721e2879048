"""Pretraining on the source, then the target: with the extractor frozen, or learning at a smaller rate.

Layer-wise decay and gradual unfreezing: Howard & Ruder, ULMFiT, ACL 2018.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import nn

from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan
from transfer.strategies.controls import Scratch

__all__ = ["Finetune", "Freeze", "layers"]


def layers(module: nn.Module, prefix: str) -> list[str]:
    """Return the names of a network's layers from input to output: its children, lists of blocks one by one.

    Example:
        >>> layers(nn.ModuleDict({"prepare": nn.Linear(1, 1), "blocks": nn.ModuleList([nn.ReLU(), nn.Linear(1, 1)])}), "extractor")
        ['extractor.prepare', 'extractor.blocks.1']
    """
    names = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList) or any(isinstance(m, nn.ModuleList) for m in child.children()):
            names += layers(child, f"{prefix}.{name}")
        elif any(True for _ in child.parameters()):
            names.append(f"{prefix}.{name}")
    return names


class Freeze(Scratch):
    """The pretrained extractor is frozen: no gradient, BatchNorm in eval mode, dropout off; only the head learns.

    Example:
        >>> Freeze().frozen(epoch=0)
        ('extractor',)
    """

    learns_from: ClassVar[tuple[str, ...]] = ("source", "target")
    pretrains: ClassVar[bool] = True

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the extractor."""
        return ("extractor",)

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Drive the target's head alone."""
        head = self.setting.model.shares.get(self.setting.target, self.setting.target)
        return {"main": replace(super().optimizers()["main"], modules=(f"heads.{head}",))}


class Finetune(Scratch):
    """As `Freeze`, but the extractor learns at its own, smaller rate.

    Args:
        factor: on the extractor's learning rate.
        layer_decay: further factor for each layer away from the extractor's output.
        unfreeze_every: epochs between the unfreezing of one layer and the next, from the output down; 0 has all of
            them learn from the start.

    Example:
        >>> Finetune(factor=0.1).factor
        0.1
    """

    learns_from: ClassVar[tuple[str, ...]] = ("source", "target")
    pretrains: ClassVar[bool] = True

    def __init__(self, *, factor: float = 0.1, layer_decay: float = 1.0, unfreeze_every: int = 0) -> None:
        super().__init__()
        if not factor > 0 or not 0 < layer_decay <= 1 or unfreeze_every < 0:
            raise RecipeError(
                "strategy finetune: expected factor > 0, layer_decay in (0, 1] and unfreeze_every >= 0, got "
                f"{factor}, {layer_decay} and {unfreeze_every}"
            )
        self.factor, self.layer_decay, self.unfreeze_every = factor, layer_decay, unfreeze_every

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Give each layer of the extractor its rate; rates of the recipe win."""
        plan = super().optimizers()["main"]
        depth = list(reversed(layers(self.setting.model.extractor, "extractor")))
        rates = {"extractor": f"x{self.factor}"}
        rates |= {name: f"x{self.factor * self.layer_decay**i}" for i, name in enumerate(depth)}
        ours = {name: rate for name, rate in rates.items() if name not in plan.rates}  # later entries win: the recipe's
        return {"main": replace(plan, rates=ours | dict(plan.rates))}

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the layers whose turn has not come."""
        if not self.unfreeze_every:
            return ()
        names = layers(self.setting.model.extractor, "extractor")
        return tuple(names[: max(0, len(names) - epoch // self.unfreeze_every)])
