"""What a strategy says to the loop: stages, phases of an epoch, and named loss terms.

A run is a list of stages (pretraining, transfer). An epoch of a stage is a list of phases; a phase names the pools its
batches come from, how many steps it takes, which optimizer steps, and a function that returns named, unweighted terms.
Alternating schemes are several phases, not a second loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from losses import CrossEntropy, Focal
from transfer.data.domain import Batch, Domain
from transfer.errors import RecipeError
from transfer.model import TransferModel
from transfer.optim import OptimizerPlan
from transfer.recipe import Component, Pretraining, Training
from transfer.stepping import Stepping
from transfer.strategies.fitting import check_fitting, fit_heads, is_fitted

if TYPE_CHECKING:
    from transfer.augmentation import Augmenter

__all__ = ["Draw", "Phase", "Setting", "Stage", "Stepper", "Strategy", "Terms"]

Terms = Callable[[Sequence[Batch], float], Mapping[str, Tensor]]
Stepper = Callable[[Sequence[Batch], float, Stepping], Mapping[str, float]]


@dataclass(frozen=True)
class Draw:
    """A batch of a corpus: which pool, and what share of the batch size."""

    corpus: str
    pool: Literal["labelled", "any"] = "labelled"
    share: float = 1.0


@dataclass(frozen=True)
class Phase:
    """Some steps of an epoch that are alike.

    Args:
        name: how it is logged.
        draws: one batch each step from each.
        terms: batches in the order of the draws, and training progress p in [0, 1] -> named terms.
        weights: name -> weight, a number or a function of progress; 1 where none is given.
        optimizer: which of the stage's optimizers steps; several for a phase that steps itself.
        steps: how many; None is one pass over the largest pool drawn from.
        stepper: steps itself instead of giving terms: batches, progress and the guarded optimizers -> values to log.
    """

    name: str
    draws: tuple[Draw, ...]
    terms: Terms = lambda batches, progress: {}
    weights: Mapping[str, float | Callable[[float], float]] = field(default_factory=dict)
    optimizer: str | tuple[str, ...] = "main"
    steps: int | None = None
    stepper: Stepper | None = None

    @property
    def drives(self) -> tuple[str, ...]:
        """The optimizers that step."""
        return (self.optimizer,) if isinstance(self.optimizer, str) else self.optimizer

    def weight(self, name: str, progress: float) -> float:
        """Return the weight of a term at a point of training."""
        weight = self.weights.get(name, 1.0)
        return weight(progress) if callable(weight) else weight


@dataclass(frozen=True)
class Stage:
    """A stretch of training with its own optimizers.

    Args:
        name: how it is logged.
        epochs: how many.
        phases: epoch (from 0) -> its phases.
        optimizers: name -> plan.
        frozen: epoch -> name patterns of modules that take no gradient and stay in eval mode.
        settings: batch size, clipping, early stopping.
    """

    name: str
    epochs: int
    phases: Callable[[int], Sequence[Phase]]
    optimizers: Mapping[str, OptimizerPlan]
    settings: Training
    frozen: Callable[[int], tuple[str, ...]] = lambda epoch: ()


@dataclass(frozen=True)
class Setting:
    """What a strategy is given: the model, the corpora as tensors with withheld labels masked, and the recipe's numbers.

    Args:
        model: extractor and heads.
        domains: corpus name -> tensors.
        sources: source corpora.
        target: target corpus.
        training: settings of the transfer stage.
        pretraining: settings of the stage before.
        augmenter: what is done to training batches; None does nothing.
        moments: `mean` and `covariance` of the universal features that the run begins with, where a file brought them.
    """

    model: TransferModel
    domains: Mapping[str, Domain]
    sources: tuple[str, ...]
    target: str
    training: Training
    pretraining: Pretraining
    augmenter: Augmenter | None = None
    moments: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def supervised(self) -> bool:
        """Whether any target label may be used."""
        return len(self.domains[self.target].pools["labelled"]) > 0


class Strategy(nn.Module):
    """Base of all strategies: it owns the trainable parts that are neither extractor nor head.

    Subclasses take keyword-only options, build their own modules in `attach`, and say the phases of an epoch.
    """

    learns_from: ClassVar[tuple[str, ...]] = ("source", "target")  # whose labels it is handed at all
    needs_source: ClassVar[bool] = True
    needs_target_labels: ClassVar[bool] = False
    pretrains: ClassVar[bool] = False  # whether it makes no sense without a pretrained extractor
    fits: ClassVar[bool] = False  # whether a head that is fitted at once has all that it asks for: labels, and no more
    mixes: ClassVar[bool] = True  # whether it learns labels by `task`, on batches that serve nothing else

    setting: Setting

    @classmethod
    def losses_named(cls, options: Mapping[str, Any]) -> dict[str, Component]:
        """Return the losses that a recipe's options name, by where they stand, so that their options can be checked."""
        return {}

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with options that a signature cannot check, by where they stand: text of the errors."""
        return {}

    def attach(self, setting: Setting) -> None:
        """Take the setting, and build what depends on it.

        Raises:
            RecipeError: where the recipe does not give what the strategy needs.
        """
        self.setting = setting
        self._check()
        self.criteria = nn.ModuleDict({name: self._criterion(domain) for name, domain in setting.domains.items()})

    def begin(self, stage: str) -> None:
        """Be told that a stage begins (`pretraining`, `transfer`)."""

    def progress(self) -> dict[str, Any]:
        """Return what decides how training goes on and is neither weight nor buffer: generators, streams of its own."""
        return {}

    def restore_progress(self, state: Mapping[str, Any]) -> None:
        """Put back what `progress` returned."""

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return the phases of an epoch of the transfer stage."""
        raise NotImplementedError

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Return the optimizers of the transfer stage."""
        training = self.setting.training
        return {"main": OptimizerPlan(training.optimizer, rates=training.rates, schedule=training.schedule)}

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the modules that are frozen in an epoch of the transfer stage."""
        return ()

    def stages(self) -> list[Stage]:
        """Return the stages of the run."""
        s = self.setting
        if is_fitted(s):
            return [Stage("transfer", 1, self._fit, self.optimizers(), s.training)]
        transfer = Stage("transfer", s.training.epochs, self.phases, self.optimizers(), s.training, self.frozen)
        return (
            [self._pretraining_stage(), transfer]
            if s.pretraining.epochs and not s.pretraining.checkpoint
            else [transfer]
        )

    def task(self, corpus: str, batch: Batch) -> Tensor:
        """Return the task loss of a corpus's head on a labelled batch that serves nothing else: here mixup mixes."""
        if self.setting.augmenter is not None:
            batch = self.setting.augmenter.mix(batch, corpus)
        return self.classify(corpus, self.setting.model(batch.features, batch.lengths, corpus), batch)

    def classify(self, corpus: str, logits: Tensor, batch: Batch) -> Tensor:
        """Return the task loss of logits that are there already; of a mix, that of both labels by their shares."""
        criterion = self.criteria[corpus]
        if batch.partners is None or batch.shares is None:
            loss: Tensor = criterion(logits, batch.labels)
            return loss
        shares = torch.cat([batch.shares, 1 - batch.shares])
        mixed: Tensor = criterion(torch.cat([logits, logits]), torch.cat([batch.labels, batch.partners]), shares)
        return mixed

    def source_draws(self) -> tuple[Draw, ...]:
        """Return the draw of a labelled batch of each source."""
        return tuple(Draw(name) for name in self.setting.sources)

    def source_terms(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Return the task loss of each source, from batches in the order of `source_draws`."""
        return {
            f"task_{name}": self.task(name, batch) for name, batch in zip(self.setting.sources, batches, strict=True)
        }

    def task_phase(self) -> Phase:
        """Return one pass that learns the task: on the labelled target, or on the sources where it has no labels."""
        target = self.setting.target
        if self.setting.supervised:
            return Phase("target", (Draw(target),), lambda batches, p: {"task": self.task(target, batches[0])})
        return Phase("source", self.source_draws(), lambda batches, p: self.source_terms(batches))

    def _fit(self, epoch: int) -> Sequence[Phase]:
        """Return the one step that fits the head at once."""
        return [Phase("fit", (), stepper=lambda batches, progress, own: {"c": fit_heads(self)}, steps=1)]

    def _pretraining_stage(self) -> Stage:
        """Train extractor and source heads on the sources."""
        s, p = self.setting, self.setting.pretraining
        given = {k: v for k in ("batch_size", "optimizer", "schedule") if (v := getattr(p, k)) is not None}
        settings = s.training.model_copy(update={"epochs": p.epochs, "rates": {}, "early_stopping": None, **given})
        modules = ("extractor", *sorted({f"heads.{s.model.shares.get(name, name)}" for name in s.sources}))
        plan = OptimizerPlan(settings.optimizer, modules, schedule=settings.schedule)
        phase = Phase("source", self.source_draws(), lambda batches, p: self.source_terms(batches))
        return Stage("pretraining", p.epochs, lambda epoch: [phase], {"main": plan}, settings)

    def _check(self) -> None:
        """Refuse a recipe that lacks what the strategy needs."""
        s, name = self.setting, type(self).__name__
        if is_fitted(s):
            check_fitting(self)
        if self.needs_source and not s.sources and not (self.pretrains and s.pretraining.checkpoint):
            raise RecipeError(
                f"strategy {name} transfers from a source, but the recipe names none; add `source: {{corpus: ...}}`"
            )
        if self.needs_target_labels and not s.supervised:
            raise RecipeError(
                f"strategy {name} learns from target labels, but target.labelled_speakers leaves none; give some"
            )
        if not s.supervised and s.model.shares.get(s.target, s.target) == s.target and not s.pretraining.head:
            raise RecipeError(
                "without target labels the target's own head would stay random; set `heads: shared` and `labels: shared`"
            )
        if s.pretraining.epochs and not s.pretraining.checkpoint and not s.sources:
            raise RecipeError(
                "pretraining.epochs is set, but the recipe names no source to pretrain on; add one, or a checkpoint"
            )
        if "source" not in self.learns_from and (s.pretraining.epochs or s.pretraining.checkpoint):
            raise RecipeError(
                f"strategy {name} is the control without a source: take `pretraining` out, or choose finetune"
            )
        if self.pretrains and not (s.pretraining.epochs or s.pretraining.checkpoint):
            raise RecipeError(
                f"strategy {name} needs a pretrained extractor; set pretraining.epochs or pretraining.checkpoint"
            )

    def _criterion(self, domain: Domain) -> nn.Module:
        """Return the task loss of a corpus."""
        training = self.setting.training
        weighted = training.balance == "weights" and len(domain.pools["labelled"])
        weights = domain.class_weights().tolist() if weighted else None
        criterion: nn.Module = (
            Focal(gamma=training.focal_gamma, class_weights=weights)
            if training.task_loss == "focal"
            else CrossEntropy(label_smoothing=training.label_smoothing, class_weights=weights)
        )
        return criterion.to(domain.device)
