"""What the strategies with a middle domain share: the alignment phase that comes every k-th epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from losses import DANN, MMD, WassersteinCritic, reversal_strength
from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan
from transfer.recipe import Optimizer
from transfer.strategies.base import Draw, Phase, Setting, Strategy

__all__ = ["MiddleDomain"]


class MiddleDomain(Strategy):
    """Every `every`-th epoch, for `steps` steps, coded batches of source and target are drawn together.

    Args:
        every: epochs from one alignment phase to the next.
        steps: steps of an alignment phase.
        mmd: weight of MMD between the coded batches; 0 takes it out.
        adversarial: weight of the domain-adversarial loss; 0 takes it out.
        critic: `classifier` behind gradient reversal, or `wasserstein`, a critic with gradient penalty.
        label_smoothing: of the domain labels.
        lr: rate of the alignment phase's own SGD.
        momentum: of that SGD.
    """

    aligned: tuple[str, ...] = ()  # modules that the alignment phase trains

    def __init__(
        self,
        *,
        every: int,
        steps: int,
        mmd: float,
        adversarial: float,
        critic: Literal["classifier", "wasserstein"],
        label_smoothing: float,
        lr: float,
        momentum: float,
    ) -> None:
        super().__init__()
        if every < 1 or steps < 1 or not (min(mmd, adversarial) >= 0 and mmd + adversarial > 0 and lr > 0):
            raise RecipeError(
                "strategy: expected every >= 1, steps >= 1, lr > 0 and mmd, adversarial >= 0 with one above 0, "
                f"got every={every}, steps={steps}, lr={lr}, mmd={mmd}, adversarial={adversarial}"
            )
        self.every, self.steps, self.critic, self.label_smoothing = every, steps, critic, label_smoothing
        self.weights = {name: w for name, w in (("mmd", mmd), ("adversarial", adversarial)) if w > 0}
        self.sgd = Optimizer(name="sgd", lr=lr, momentum=momentum, weight_decay=0.0)

    def build_losses(self, setting: Setting, coded_width: int) -> None:
        """Build MMD and discriminator for codes of a width."""
        device = setting.domains[setting.target].device
        self.distance = MMD()
        if "adversarial" in self.weights:
            if self.critic == "wasserstein":
                self.discriminator: WassersteinCritic | DANN = WassersteinCritic(coded_width)
            else:
                self.discriminator = DANN(coded_width, label_smoothing=self.label_smoothing)
            self.discriminator.to(device)

    def alignment_optimizer(self) -> OptimizerPlan:
        """Return the alignment phase's own optimizer."""
        critic = ("discriminator",) if "adversarial" in self.weights else ()
        own = (*(name for name in self.aligned if name not in dict(self.setting.model.named_children())), *critic)
        rates = {name: rate for name, rate in self.setting.training.rates.items() if name.split(".")[0] in own}
        return OptimizerPlan(self.sgd, (*self.aligned, *critic), rates=rates)

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Return the task's optimizer and the alignment's."""
        return {**super().optimizers(), "alignment": self.alignment_optimizer()}

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return the task's pass and, every k-th epoch, the alignment after it."""
        s = self.setting
        if (epoch + 1) % self.every:
            return self.task_phases()
        draws = (*self.source_draws(), Draw(s.target, "any"))
        return [*self.task_phases(), Phase("alignment", draws, self.align, self.weights, "alignment", self.steps)]

    def task_phases(self) -> list[Phase]:
        """Return the phases that learn the task."""
        return [self.task_phase()]

    def align(self, batches: Sequence, progress: float) -> Mapping[str, Tensor]:
        """Return the terms of an alignment step."""
        raise NotImplementedError

    def distances(self, source: Tensor, target: Tensor, progress: float) -> dict[str, Tensor]:
        """Return MMD and adversarial loss between coded rows (n, d) and (m, d)."""
        terms: dict[str, Tensor] = {}
        if "mmd" in self.weights:
            terms["mmd"] = self.distance(source, target)
        if "adversarial" in self.weights:
            terms["adversarial"] = self.discriminator(source, target, strength=reversal_strength(progress))
        return terms
