"""Alignment of source and target distributions beside the task, by any list of losses.

L = task + sum_i weight_i * schedule_i(p) * loss_i(level_i(S), level_i(T)): with target labels the task is joint training,
without them it is the source's alone, and the loss sees unlabelled target slices either way.
References: Long et al., ICML 2015 (MMD); Sun & Saenko, ECCV-W 2016 (CORAL); Ganin et al., JMLR 2016 (DANN).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from feature_extractors import Frames
from losses import LOSSES, reversal_strength
from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.recipe import Component
from transfer.registry import Registry
from transfer.strategies.base import Draw, Phase, Setting, Strategy
from transfer.strategies.levels import Level, Levels, Pooling, width

__all__ = ["DANN", "MMD", "AlignmentLoss", "AlignmentStrategy", "Coral", "Energy", "Sinkhorn"]


GIVEN = ("source", "target", "source_logits", "target_logits", "logits", "source_labels", "strength")
"""What a loss may ask for by the names of its forward: rows of a level, logits of either side (`logits`: the target's),
labels of the source, and the strength of gradient reversal."""


class Seen(NamedTuple):
    """A batch after the model: what it is at every level, and its labels."""

    levels: Levels
    labels: Tensor


class AlignmentLoss(BaseModel):
    """One alignment loss of a recipe; further keys are options of the loss class.

    Args:
        name: in the table of losses.
        weight: lambda.
        level: `universal`, `specific` (after the specific stack) or `logits`.
        pooling: `pooled` (masked mean over time) or `flattened`.
        ramp: grow the weight from 0 to its value along 2/(1+exp(-10p))-1. An adversarial loss ramps its reversal
            strength instead, so that the discriminator learns from the first step on.

    Example:
        >>> AlignmentLoss(name="mmd", weight=0.5, bandwidth=2.0).options
        {'bandwidth': 2.0}
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str
    weight: Annotated[float, Field(ge=0)] = 1.0
    level: Level = "universal"
    pooling: Pooling = "pooled"
    ramp: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """Options of the loss class."""
        return dict(self.model_extra or {})


class AlignmentStrategy(Strategy):
    """Joint or source-only training plus any list of alignment losses.

    Args:
        losses: each with weight, level, pooling and options.
        source_supervision: learn the source's labels too where the target has some; without target labels it always is.

    Example:
        >>> AlignmentStrategy(losses=[AlignmentLoss(name="mmd"), AlignmentLoss(name="dann", weight=0.2)]).names
        ['mmd', 'dann']
    """

    def __init__(self, *, losses: list[AlignmentLoss], source_supervision: bool = True) -> None:
        super().__init__()
        self.specs = [AlignmentLoss.model_validate(spec) for spec in losses]
        self.names = [spec.name if self._times(spec) == 1 else f"{spec.name}_{i}" for i, spec in enumerate(self.specs)]
        self.source_supervision = source_supervision

    def _times(self, spec: AlignmentLoss) -> int:
        """Count how often a loss is named."""
        return sum(other.name == spec.name for other in self.specs)

    @classmethod
    def losses_named(cls, options: Mapping[str, Any]) -> dict[str, Component]:
        """Return the losses of the list."""
        specs = [AlignmentLoss.model_validate(spec) for spec in options["losses"]]
        return {f"losses.{i}": Component(name=spec.name, **spec.options) for i, spec in enumerate(specs)}

    def attach(self, setting: Setting) -> None:
        """Build the losses, each for the width of its level."""
        super().attach(setting)
        self.align = nn.ModuleDict({name: self._build(spec) for name, spec in zip(self.names, self.specs, strict=True)})

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass in which every step learns the task and aligns."""
        s = self.setting
        whole = set(s.domains[s.target].pools["any"].tolist()) <= set(s.domains[s.target].pools["labelled"].tolist())
        draws = [*self.source_draws()]
        if s.supervised:
            draws.append(Draw(s.target))
        if not (s.supervised and whole):
            draws.append(Draw(s.target, "any"))
        weights = {name: self._weight(name, spec) for name, spec in zip(self.names, self.specs, strict=True)}
        return [Phase("adapt", tuple(draws), self._terms, weights)]

    def _weight(self, name: str, spec: AlignmentLoss) -> float | Callable[[float], float]:
        """Return the weight of a loss, along progress where it ramps; an adversarial loss ramps its reversal instead."""
        if not spec.ramp or "strength" in inspect.signature(self.align[name].forward).parameters:
            return spec.weight
        return lambda progress: spec.weight * reversal_strength(progress)

    def _build(self, spec: AlignmentLoss) -> nn.Module:
        """Build one loss."""
        cls = Registry("loss", LOSSES)[spec.name]
        wanted = inspect.signature(cls).parameters
        given = spec.options
        if "in_features" in wanted:
            given["in_features"] = width(
                self.setting.model, self.setting.target, spec.level, spec.pooling, self._frames()
            )
        if "classes" in wanted:
            given["classes"] = len(self.setting.domains[self.setting.target].classes)
        loss: nn.Module = cls(**given)
        asked = inspect.signature(loss.forward).parameters.values()
        if spec.level == "logits" or any(p.name.endswith(("logits", "labels")) for p in asked):
            self._check_same_classes(spec)
        if missing := [p.name for p in asked if p.name not in GIVEN and p.default is p.empty]:
            raise RecipeError(
                f"strategy.losses: {spec.name} asks for {missing[0]}, which alignment has not; it gives {', '.join(GIVEN)}"
            )
        return loss

    def _check_same_classes(self, spec: AlignmentLoss) -> None:
        """Refuse to compare logits or labels of corpora whose classes differ."""
        classes = {name: domain.classes for name, domain in self.setting.domains.items()}
        if len(set(classes.values())) > 1:
            listed = "; ".join(f"{name}: {', '.join(names)}" for name, names in classes.items())
            raise RecipeError(
                f"strategy.losses: {spec.name} at level {spec.level} compares logits or labels, which needs the same classes "
                f"in all corpora ({listed}); set `labels: shared`, or another level or loss"
            )

    def _frames(self) -> int:
        """Return the frames that flattening pads to: the longest slice of any corpus."""
        return max(domain.features.shape[-1] for domain in self.setting.domains.values())

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return task terms and alignment terms of a step."""
        s = self.setting
        names = [*s.sources, *[s.target] * (len(batches) - len(s.sources))]
        passes = [self._forward(name, batch) for name, batch in zip(names, batches, strict=True)]
        labelled = s.sources if self.source_supervision or not s.supervised else ()
        terms = {
            f"task_{n}": self.classify(n, p.levels.logits, b)
            for n, p, b in zip(s.sources, passes, batches, strict=False)
            if n in labelled
        }
        if s.supervised:
            i = len(s.sources)
            terms[f"task_{s.target}"] = self.classify(s.target, passes[i].levels.logits, batches[i])
        for name, spec in zip(self.names, self.specs, strict=True):
            pairs = [self._distance(name, spec, passes[i], passes[-1], progress) for i in range(len(s.sources))]
            terms[name] = sum(pairs[1:], pairs[0]) / len(pairs)
        return terms

    def _forward(self, corpus: str, batch: Batch) -> Seen:
        """Return what a batch is at every level, and its labels."""
        frames = self.setting.model.universal(batch.features, batch.lengths, corpus)
        head = self.setting.model.head(corpus)
        specific: Frames = head.specific(frames)  # type: ignore[operator]
        return Seen(Levels(frames, specific, head.classify(specific)), batch.labels)  # type: ignore[operator]

    def _distance(self, name: str, spec: AlignmentLoss, source: Seen, target: Seen, progress: float) -> Tensor:
        """Return one loss between a source and the target, given what its forward asks for by name."""
        loss, strength = self.align[name], reversal_strength(progress) if spec.ramp else 1.0
        wanted = inspect.signature(loss.forward).parameters
        there = {
            "source": source.levels.rows(spec.level, spec.pooling, self._frames()),
            "target": target.levels.rows(spec.level, spec.pooling, self._frames()),
            "source_logits": source.levels.logits,
            "target_logits": target.levels.logits,
            "logits": target.levels.logits,
            "source_labels": source.labels,
            "strength": strength,
        }
        value: Tensor = loss(**{key: there[key] for key in wanted if key in there})
        return value


class _One(AlignmentStrategy):
    """An alignment strategy of one loss; its options stand in the recipe beside the name."""

    loss: ClassVar[str]

    def __init__(
        self,
        *,
        weight: float = 1.0,
        level: Level = "universal",
        pooling: Pooling = "pooled",
        ramp: bool = True,
        options: dict[str, Any] | None = None,
        source_supervision: bool = True,
    ) -> None:
        spec = AlignmentLoss(name=self.loss, weight=weight, level=level, pooling=pooling, ramp=ramp, **(options or {}))
        super().__init__(losses=[spec], source_supervision=source_supervision)

    @classmethod
    def losses_named(cls, options: Mapping[str, Any]) -> dict[str, Component]:
        """Return the one loss."""
        return {"options": Component(name=cls.loss, **(options.get("options") or {}))}


class MMD(_One):
    """Joint or source-only training plus maximum mean discrepancy (Gretton et al., JMLR 2012; in networks Long et al., ICML 2015)."""

    loss = "mmd"


class Coral(_One):
    """Joint or source-only training plus correlation alignment (Sun & Saenko, ECCV-W 2016)."""

    loss = "coral"


class Sinkhorn(_One):
    """Joint or source-only training plus the Sinkhorn divergence (Feydy et al., AISTATS 2019)."""

    loss = "sinkhorn"


class Energy(_One):
    """Joint or source-only training plus the energy distance (Székely & Rizzo, 2013)."""

    loss = "energy"


class DANN(_One):
    """Joint or source-only training plus a domain discriminator behind gradient reversal (Ganin et al., JMLR 2016)."""

    loss = "dann"
