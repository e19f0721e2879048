"""Any algorithm of pytorch-adapt by the name of its hook, on our extractor and heads and in our loop.

Reference: Musgrave et al., PyTorch Adapt, 2022. `docs/pytorch_adapt.md` lists the hooks and how each is wired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan
from transfer.stepping import Stepping
from transfer.strategies.base import Draw, Phase, Setting, Strategy
from transfer.strategies.levels import Pooling
from transfer.strategies.pytorch_adapt_hooks import HOOKS
from transfer.strategies.pytorch_adapt_options import build_hook, hook_faults, library, option_faults
from transfer.strategies.pytorch_adapt_wiring import Wiring
from transfer.strategies.weight_schedules import WeightSchedule, weight_factor

__all__ = ["PytorchAdapt"]


class PytorchAdapt(Strategy):
    """A hook of pytorch-adapt learns from a labelled source batch and a target batch without labels, each step.

    A hook that is a loss joins the source's task loss, L = task + weight * loss; one that is an algorithm steps its own
    optimizers, as it likes. Where target labels may be used, target_weight * (the target's task loss) joins the first
    step of a training step that drives extractor or heads. Several sources take their turns within a training step.

    Args:
        hook: its name in `pytorch_adapt.hooks`.
        options: of the hook.
        level: what the hook sees as features: the `universal` output, or that after the `specific` stack.
        pooling: `pooled` (masked mean over time) or `flattened`.
        schedule: of the gradient reversal's strength, for hooks that reverse gradients.
        weight: of a hook that is a loss.
        target_weight: of the target's task loss.
        stochastic: draw both classifiers of MCDHook from a distribution around our last layer: STAR.
        hidden: width of the discriminator.

    Raises:
        RecipeError: for a hook that does not run, or an option that it has not.

    Example:
        >>> PytorchAdapt(hook="CDANHook", options={"softmax": True}).hook_name
        'CDANHook'
    """

    mixes: ClassVar[bool] = False

    def __init__(
        self,
        *,
        hook: str,
        options: dict[str, Any] | None = None,
        level: Literal["universal", "specific"] = "universal",
        pooling: Pooling = "pooled",
        schedule: WeightSchedule = "ramp",
        weight: float = 1.0,
        target_weight: float = 1.0,
        stochastic: bool = False,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if min(weight, target_weight) < 0 or hidden < 1:
            raise RecipeError(
                "strategy pytorch_adapt: expected weight, target_weight >= 0 and hidden >= 1, got "
                f"{weight}, {target_weight} and {hidden}"
            )
        given = {"hook": hook, "options": options, "level": level, "weight": weight, "stochastic": stochastic}
        for path, fault in self.faults(given).items():
            raise RecipeError(f"strategy.{path}: {fault}")
        self.hook_name, self.options, self.spec = hook, options or {}, HOOKS[hook]
        self.level, self.pooling, self.schedule = level, pooling, schedule
        self.weight, self.target_weight, self.stochastic, self.hidden = weight, target_weight, stochastic, hidden

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with the hook's name and options, and with options that it gives no sense."""
        name = options.get("hook")
        if fault := hook_faults(name):
            return {"hook": fault}
        spec, found = HOOKS[str(name)], option_faults(str(name), options.get("options") or {})
        if options.get("stochastic") and name != "MCDHook":
            found["stochastic"] = f"goes with MCDHook, which draws its two classifiers then; {name} has none to draw"
        if options.get("weight", 1.0) != 1.0 and not spec.is_loss:
            found["weight"] = f"goes with a hook that is a loss; {name} weighs its losses by options.weighter"
        if options.get("level") == "specific" and {"G", "C"} & set(spec.steps.values()):
            found["level"] = f"{name} steps extractor and head apart, which `specific` lies between; expected universal"
        return found

    def attach(self, setting: Setting) -> None:
        """Build the hook and the models it needs.

        Raises:
            RecipeError: where pytorch-adapt is not installed, or heads, classes or pretraining do not suit the hook.
        """
        library("hooks")
        super().attach(setting)
        self.wiring = wiring = Wiring(
            setting,
            hook=self.hook_name,
            options=self.options,
            level=self.level,
            pooling=self.pooling,
            stochastic=self.stochastic,
            hidden=self.hidden,
        )
        self.discriminator, self.classifiers = wiring.discriminator, wiring.classifiers
        self.source_extractor = wiring.source_extractor
        self.hook = self._build_hook()
        self._reversals = [(layer, layer.weight.item()) for layer in _reversals(self.hook)]
        for loss in _class_losses(self.hook):
            loss.loss_fn = self._source_loss

    def begin(self, stage: str) -> None:
        """Start the copies of the model's parts from where pretraining left those."""
        if stage == "transfer":
            self.wiring.start()

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the extractor where the hook trains the head alone, and ADDA's source extractor."""
        if self.source_extractor is not None:
            return ("source_extractor",)
        return ("extractor",) if set(self.spec.steps.values()) == {"C"} else ()

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Return an optimizer for each that the hook steps apart."""
        main = super().optimizers()["main"]
        modules = {"G": ["extractor"], "C": ["heads"], "D": []}
        if self.classifiers is not None:
            modules["C"].append("classifiers")
        if self.discriminator is not None:
            modules["D"].append("discriminator")
        plans = {
            argument: replace(main, modules=tuple(m for letter in letters for m in modules[letter]))
            for argument, letters in self._steps.items()
        }
        return plans or {"main": main}

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass in which the hook steps; a labelled target batch is drawn beside the one without labels."""
        s = self.setting
        labelled = (Draw(s.target),) if s.supervised else ()
        draws = (*self.source_draws(), *labelled, Draw(s.target, "any"))
        return [Phase("adapt", draws, optimizer=tuple(self._steps), stepper=self.step)]

    def step(self, batches: Sequence[Batch], progress: float, own: Stepping) -> Mapping[str, float]:
        """Let the hook take its steps, once for each source; return its losses."""
        for layer, weight in self._reversals:
            layer.update_weight(weight * weight_factor(self.schedule, progress))
        values: dict[str, list[float]] = defaultdict(list)
        labelled = batches[-2] if self.setting.supervised else None
        for corpus, batch in zip(self.setting.sources, batches, strict=False):
            for name, value in self._turn(corpus, batch, batches[-1], labelled, own).items():
                values[name].append(value)
        self.wiring.fold()
        return {name: sum(found) / len(found) for name, found in values.items()}

    def _turn(
        self, corpus: str, source: Batch, target: Batch, labelled: Batch | None, own: Stepping
    ) -> dict[str, float]:
        """Let the hook take its steps with one source; return its losses and the target's."""
        joined: dict[str, float] = {}
        drives_model = {name for name, letters in self._steps.items() if letters != "D"}

        def backward(loss: Tensor) -> None:
            own.backward(loss)
            if labelled is not None and not joined and drives_model & own.pending:
                term = self._target_loss(labelled)
                joined[f"task_{self.setting.target}"] = term.detach().item()
                own.backward(self.target_weight * term)

        self._source = corpus
        context = self.wiring.context(corpus, source, target, self.hook_name.startswith("MultiLabel"))
        _, losses = self.hook({**context, **own.optimizers, "custom_backward": backward})
        self.wiring.settle()
        return _named(losses) | joined

    def _target_loss(self, batch: Batch) -> Tensor:
        """Return the target's task loss, of both classifiers where there are two."""
        target = self.setting.target
        return torch.stack([self.classify(target, each, batch) for each in self.wiring.predict(target, batch)]).mean()

    def _source_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the source's task loss, as training.task_loss and its like define it."""
        loss: Tensor = self.criteria[self._source](logits, labels)
        return loss

    @property
    def _steps(self) -> Mapping[str, str]:
        """The hook's arguments for optimizers, and what they drive."""
        return {"opts": "GC"} if self.spec.is_loss else self.spec.steps

    def _build_hook(self) -> Any:
        """Build the hook; a loss joins the task loss of the source."""
        hook = build_hook(self.hook_name, self.options, self.wiring.sizes)
        if not self.spec.is_loss:
            return hook
        total = library("weighters").SumWeighter(weights=dict.fromkeys(hook.loss_keys, self.weight))
        return library("hooks").ClassifierHook(["opts"], weighter=total, post=[hook])


def _named(losses: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Flatten the losses that a hook reports: those of one step by their names, those of several under the step's."""
    names = {step: "" if step == "total_loss" else f"{step}/" for step in losses}
    return {
        f"{names[step]}{'loss' if name == 'total' else name}": value
        for step, found in losses.items()
        for name, value in found.items()
    }


def _inside(hook: Any) -> Iterator[Any]:
    """Yield a hook, and all hooks and layers that it holds."""
    yield hook
    for value in () if isinstance(hook, nn.Module) else vars(hook).values():
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, (nn.Module, library("hooks.base").BaseHook)):
                yield from _inside(item)


def _reversals(hook: Any) -> list[Any]:
    """Return the gradient reversal layers of a hook, their weights made float: the default, 1, would round a ramp to 0."""
    found = [layer for layer in _inside(hook) if isinstance(layer, library("layers").GradientReversal)]
    for layer in found:
        layer.weight = layer.weight.float()
    return found


def _class_losses(hook: Any) -> list[Any]:
    """Return the hooks that compute a plain cross-entropy of the source, whose loss the recipe's task loss replaces."""
    return [
        part
        for part in _inside(hook)
        if isinstance(part, library("hooks").CLossHook) and type(part.loss_fn) is nn.CrossEntropyLoss
    ]
