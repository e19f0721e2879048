"""One loss of an alignment: what a recipe says of it, and what it is given.

Axis letters: N slices, d width, K classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from losses import LOSSES
from transfer.errors import RecipeError
from transfer.registry import Registry
from transfer.strategies.base import Setting
from transfer.strategies.levels import Level, Levels, Pooling, width
from transfer.strategies.weight_schedules import WeightSchedule, weight_factor

__all__ = ["AlignmentLoss", "AlignmentTerm", "Seen", "asked"]

GIVEN = (
    "source",
    "target",
    "source_logits",
    "target_logits",
    "logits",
    "source_labels",
    "target_labels",
    "strength",
)
"""What a loss may ask for by the names of its forward: rows of a level, logits of either side (`logits`: the target's),
labels of either side, and the strength of gradient reversal."""


class Seen(NamedTuple):
    """A batch after the model: what it is at every level, and its labels, negative where they are withheld."""

    levels: Levels
    labels: Tensor


class AlignmentLoss(BaseModel):
    """One alignment loss of a recipe; further keys are options of the loss class.

    Args:
        name: in the table of losses.
        weight: lambda.
        level: `universal`, `specific` (after the specific stack), `logits` or `probabilities`.
        levels: several of them, for a loss that compares layers together (`jmmd`).
        pooling: `pooled` (masked mean over time) or `flattened`.
        schedule: of the weight along training: `constant`, `linear`, `warmup` or `ramp`. An adversarial loss schedules
            its reversal strength instead, so that the discriminator learns from the first step on.
        confidence: how probable a prediction has to be to stand in for a target label that is withheld, for a loss that
            asks for target labels.

    Example:
        >>> AlignmentLoss(name="mmd", weight=0.5, bandwidth=2.0).options
        {'bandwidth': 2.0}
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    name: str
    weight: Annotated[float, Field(ge=0)] = 1.0
    level: Level = "universal"
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] | None = None
    pooling: Pooling = "pooled"
    schedule: WeightSchedule = "ramp"
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.8

    @model_validator(mode="after")
    def _one_key(self) -> AlignmentLoss:
        """Refuse both keys at once."""
        if self.levels and "level" in self.model_fields_set:
            raise ValueError(f"level is {self.level} and levels {list(self.levels)}; expected one of the two keys")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Options of the loss class."""
        return dict(self.model_extra or {})

    @property
    def everywhere(self) -> tuple[Level, ...]:
        """All levels it acts at."""
        return self.levels or (self.level,)


def asked(loss: type[nn.Module] | nn.Module) -> dict[str, inspect.Parameter]:
    """Return what the forward of a loss asks for, by name.

    Example:
        >>> list(asked(LOSSES["lmmd"]))
        ['source', 'target', 'source_labels', 'target_logits']
    """
    return {n: p for n, p in inspect.signature(loss.forward).parameters.items() if n != "self"}


class AlignmentTerm(nn.Module):
    """A loss of the table, built for the width of its level, and given what its forward asks for by name.

    Args:
        spec: what the recipe says.
        setting: model and corpora.

    Raises:
        RecipeError: where the loss asks for what alignment has not, or compares classes that differ.
    """

    def __init__(self, spec: AlignmentLoss, setting: Setting) -> None:
        super().__init__()
        self.spec = spec
        self.frames = max(domain.features.shape[-1] for domain in setting.domains.values())  # flattening pads to it
        cls = Registry("loss", LOSSES)[spec.name]
        self.asked = asked(cls)
        self._check(setting)
        self.loss: nn.Module = cls(**spec.options, **self._sizes(cls, setting))

    @property
    def adversarial(self) -> bool:
        """Whether the gradient of the features is reversed, and its strength scheduled."""
        return "strength" in self.asked

    @property
    def weight(self) -> float | Callable[[float], float]:
        """The weight, along progress where it is scheduled; an adversarial loss schedules its reversal instead."""
        if self.adversarial or self.spec.schedule == "constant":
            return self.spec.weight
        return partial(_weight, self.spec)

    def forward(self, sources: list[Seen], target: Seen, progress: float) -> Tensor:
        """Return the loss between each source and the target, averaged over the sources."""
        if not self.asked.keys() & {"source", "source_logits", "source_labels"}:
            sources = sources[:1]  # it looks at the target alone
        return torch.stack([self._between(source, target, progress) for source in sources]).mean()

    def _between(self, source: Seen, target: Seen, progress: float) -> Tensor:
        """Return the loss between one source and the target."""
        there: dict[str, Callable[[], Any]] = {
            "source": lambda: self._rows(source.levels),
            "target": lambda: self._rows(target.levels),
            "source_logits": lambda: source.levels.logits,
            "target_logits": lambda: target.levels.logits,
            "logits": lambda: target.levels.logits,
            "source_labels": lambda: source.labels,
            "target_labels": lambda: self._known_or_sure(target),
            "strength": lambda: weight_factor(self.spec.schedule, progress),
        }
        value: Tensor = self.loss(**{name: there[name]() for name in self.asked if name in there})
        return value

    def _rows(self, levels: Levels) -> Tensor | list[Tensor]:
        """Return the rows that the loss compares, (N, d), or a list of them for a loss of several layers."""
        rows = [levels.rows(level, self.spec.pooling, self.frames) for level in self.spec.everywhere]
        return rows if self._takes_layers else rows[0]

    def _known_or_sure(self, seen: Seen) -> Tensor:
        """Return labels (N,): those that may be used, else the prediction where it is sure, else -1."""
        surest, guess = seen.levels.logits.detach().softmax(1).max(1)
        guess = guess.masked_fill(surest < self.spec.confidence, -1)
        return torch.where(seen.labels >= 0, seen.labels, guess)

    def _sizes(self, cls: type[nn.Module], setting: Setting) -> dict[str, int]:
        """Return the sizes that the class wants."""
        sizes = {
            "in_features": width(
                setting.model, setting.target, self.spec.everywhere[0], self.spec.pooling, self.frames
            ),
            "classes": len(setting.domains[setting.target].classes),
        }
        return {name: size for name, size in sizes.items() if name in inspect.signature(cls).parameters}

    def _check(self, setting: Setting) -> None:
        """Refuse a loss that asks for what alignment has not, several levels for one layer, and classes that differ."""
        spec, name = self.spec, self.spec.name
        missing = [p.name for p in self.asked.values() if p.name not in GIVEN and p.default is p.empty]
        if missing:
            raise RecipeError(
                f"strategy.losses: {name} asks for {missing[0]}, which alignment has not; it gives {', '.join(GIVEN)}"
            )
        if len(spec.everywhere) > 1 and not self._takes_layers:
            raise RecipeError(
                f"strategy.losses: {name} compares rows of one level, got levels {list(spec.everywhere)}; name it once for each"
            )
        predicted = {"logits", "probabilities"} & set(spec.everywhere) and "source" in self.asked
        classes = {corpus: domain.classes for corpus, domain in setting.domains.items()}
        if (predicted or self.asked.keys() & {"source_logits", "source_labels"}) and len(set(classes.values())) > 1:
            listed = "; ".join(f"{corpus}: {', '.join(names)}" for corpus, names in classes.items())
            raise RecipeError(
                f"strategy.losses: {name} at level {', '.join(spec.everywhere)} compares logits or labels, which needs the "
                f"same classes in all corpora ({listed}); set `labels: shared`, or another level or loss"
            )

    @property
    def _takes_layers(self) -> bool:
        """Tell whether a loss compares lists of layers."""
        return "source" in self.asked and "[" in str(self.asked["source"].annotation)  # Sequence[Tensor], not Tensor


def _weight(spec: AlignmentLoss, progress: float) -> float:
    """Return the weight of a loss at a point of training."""
    return spec.weight * weight_factor(spec.schedule, progress)
