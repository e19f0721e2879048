"""A monitor of the game between task and alignment: what it looks like epoch by epoch, and a warning where it is lost.

It looks at the batches that training draws anyway and takes no step of its own: a run is the same with it and without.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from transfer.data.domain import Batch
from transfer.shards import average
from transfer.strategies import Phase, Stage, Strategy

__all__ = ["Monitor", "gradient_norm", "is_task"]


def is_task(term: str) -> bool:
    """Tell a term of the task from one of the alignment, by its name: those of the task begin with `task`.

    Example:
        >>> is_task("task_casia"), is_task("mmd")
        (True, False)
    """
    return term.startswith("task")


class Monitor:
    """Watches the stages of a strategy; after each epoch `epoch()` gives the figures.

    - `monitor/domain_accuracy`: balanced accuracy of the strategy's domain discriminators on the batches that they are
      trained on, before each step; absent where the strategy has none (a module with a method `accuracy` that takes
      some of the arguments of its `forward`).
    - `monitor/task_gradient`, `monitor/alignment_gradient`: norm of the gradient of the weighted terms of either kind at
      the extractor; `monitor/gradient_ratio`: alignment over task. They cost two backward passes, and are taken in each
      phase when it has been left alone for `every` steps: an epoch of few steps may go without.

    Args:
        strategy: attached; its modules are watched from here on.
        every: steps of training from one look at a phase's gradients to the next.

    Example:
        >>> Monitor(Strategy()).epoch()
        {}
    """

    def __init__(self, strategy: Strategy, *, every: int = 64) -> None:
        self.strategy, self.every = strategy, every
        self._step, self._looked = 0, dict[str, int]()
        self.negative: set[str] = set()  # terms that were weighted below zero
        self._figures: dict[str, list[float]] = defaultdict(list)
        for module in strategy.modules():
            if callable(getattr(module, "accuracy", None)):
                module.register_forward_pre_hook(self._discriminate, with_kwargs=True)

    def state(self) -> dict[str, Any]:
        """Return what it has seen, for a run that is taken up again."""
        seen = {name: list(values) for name, values in self._figures.items()}
        return {"step": self._step, "looked": dict(self._looked), "negative": sorted(self.negative), "figures": seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what was seen."""
        self._step, self._looked, self.negative = state["step"], dict(state["looked"]), set(state["negative"])
        self._figures.clear()
        self._figures.update({name: list(values) for name, values in state["figures"].items()})

    def watch(self, stage: Stage) -> Stage:
        """Return the stage with its phases watched."""
        return replace(stage, phases=lambda epoch: [self._watched(phase) for phase in stage.phases(epoch)])

    def epoch(self) -> dict[str, float]:
        """Return the means of the figures of the epoch just over, and begin another."""
        found = {f"monitor/{name}": fmean(values) for name, values in self._figures.items()}
        self._figures.clear()
        task, alignment = found.get("monitor/task_gradient"), found.get("monitor/alignment_gradient")
        if task and alignment is not None:
            found["monitor/gradient_ratio"] = alignment / task
        return found

    def _watched(self, phase: Phase) -> Phase:
        """Return a phase whose terms are looked at now and then."""

        def terms(batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
            found = phase.terms(batches, progress)
            if self._step - self._looked.get(phase.name, -self.every) >= self.every:
                self._looked[phase.name] = self._step
                self._gradients(found, {name: phase.weight(name, progress) for name in found})
            self._step += 1
            return found

        return replace(phase, terms=terms)

    def _gradients(self, terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> None:
        """Note the gradient norm at the extractor of the task's terms and of the alignment's."""
        self.negative |= {name for name, weight in weights.items() if weight < 0}
        parameters = [p for p in self.strategy.setting.model.extractor.parameters() if p.requires_grad]
        for kind, task in (("task", True), ("alignment", False)):
            chosen = [weights[name] * term for name, term in terms.items() if is_task(name) is task]
            if norm := gradient_norm([term for term in chosen if term.requires_grad], parameters):
                self._figures[f"{kind}_gradient"].append(norm)
            elif chosen and parameters:
                self._figures[f"{kind}_gradient"].append(0.0)

    def _discriminate(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note the accuracy of a discriminator on the batch that it is about to be trained on."""
        if not (module.training and torch.is_grad_enabled()):
            return
        given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        asked = [given[name] for name in inspect.signature(module.accuracy).parameters]
        self._figures["domain_accuracy"].append(float(module.accuracy(*(tensor.detach() for tensor in asked))))


def gradient_norm(terms: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> float:
    """Return the Euclidean norm of the gradient of a sum; the graph stays for the step to come.

    Args:
        terms: scalars.
        parameters: with respect to which; those that no term reaches count as zero.

    Example:
        >>> w = nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> gradient_norm([(w * w).sum() / 2], [w])
        5.0
    """
    if not terms or not parameters:
        return 0.0
    total = torch.stack([term.float() for term in terms]).sum()
    gradients = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
    average(gradients)
    norms = [g.float().norm() for g in gradients if g is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0
