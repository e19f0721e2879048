"""Sections of a recipe about learning: optimizer, schedule, stages, which epoch is kept, and how it is scored."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from transfer.errors import did_you_mean
from transfer.section import Component, Count, Positive, Section, Seed, Share

__all__ = [
    "RULES",
    "AtSensitivity",
    "EarlyStopping",
    "Evaluation",
    "Optimizer",
    "Pretraining",
    "Schedule",
    "Selection",
    "Training",
]

RULES = ("target_validation", "source_validation", "last", "oracle")


class Optimizer(Section):
    """An optimizer of torch.optim."""

    name: Literal["adam", "adamw", "sgd"] = Field("adamw", description="the optimizer")
    lr: Positive = Field(1e-3, description="rate")
    betas: tuple[Share, Share] = Field((0.9, 0.999), description="decay of both moments (adam, adamw)")
    momentum: Share = Field(0.9, description="momentum (sgd)")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="decay of the weights")


class Schedule(Section):
    """A learning-rate schedule, a function of the epoch or of training progress (`transfer.schedules`)."""

    name: Literal["constant", "step", "cosine", "warm_restarts", "noam", "dann"] = Field(
        "constant", description="the schedule"
    )
    step_size: Count = Field(30, description="epochs between drops (step)")
    gamma: Positive = Field(0.3, description="factor of a drop (step)")
    warmup: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="share of training spent warming up (noam)")
    T_0: Count = Field(2, description="epochs of the first cycle (warm_restarts)")
    T_mult: Count = Field(2, description="growth of the cycles (warm_restarts)")
    minimum: Share = Field(0.0, description="lowest factor (cosine, warm_restarts)")


class EarlyStopping(Section):
    """Stop when the watched validation score has not improved for so many epochs."""

    patience: Count = Field(10, description="epochs without a better score")
    watch: Literal["uar", "loss", "selection"] = Field("uar", description="selection: whatever selection.by watches")


def _rate(value: Any) -> Any:
    """Check a rate: a number is a rate, 'x0.1' a factor of the optimizer's."""
    text = str(value)
    try:
        number = float(text.removeprefix("x"))
    except ValueError:
        raise ValueError(f"expected a rate such as 0.001 or a factor such as x0.1, got {value!r}") from None
    if not 0 <= number < math.inf:
        raise ValueError(f"a rate cannot be negative or infinite, got {value!r}")
    return text


_RATE = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^x?[0-9.]+(e-?[0-9]+)?$"}]}
Rate = Annotated[str, BeforeValidator(_rate), WithJsonSchema(_RATE)]


class Training(Section):
    """How a stage of training goes."""

    epochs: Count = Field(40, description="passes over the data")
    batch_size: Annotated[int, Field(ge=2)] = Field(32, description="slices of each corpus in a step")
    seed: Seed = Field(0, description="of weights, batches and, without split.seed, parts")
    optimizer: Optimizer = Field(Optimizer(), description="the optimizer")
    schedule: Schedule = Field(Schedule(), description="of its rate")
    rates: dict[str, Rate] = Field(
        default_factory=dict, description="module name or glob -> rate (0.0005) or factor (x0.1); later entries win"
    )
    clip_gradient: Positive | None = Field(5.0, description="largest norm of the gradient")
    task_loss: Literal["cross_entropy", "focal"] = Field("cross_entropy", description="what learns the labels")
    label_smoothing: Share = Field(0.1, description="of the cross-entropy; the focal loss has none")
    focal_gamma: Annotated[float, Field(ge=0)] = Field(2.0, description="how much less an easy slice counts (focal)")
    balance: Literal["none", "weights", "sampler"] = Field("none", description="against unequal classes")
    early_stopping: EarlyStopping | None = Field(None, description="stop where validation gets no better")
    augment: list[Component] = Field(
        default_factory=list, description="transforms of training batches, such as {name: spec_augment}, in this order"
    )
    save_steps: Count | None = Field(
        None, description="save the state after so many steps too; an interrupted run goes on from the last one saved"
    )
    save_seconds: Annotated[float, Field(ge=0)] = Field(5.0, description="between two saves of the state, at least")
    monitor: bool = Field(True, description="measure the alignment each epoch, and warn where it goes wrong")


_Modules = dict[str, str] | list[str] | None


def _modules(value: object) -> object:
    """Let a list of modules mean those of the same names."""
    if value == [] or value == {}:
        raise ValueError("expected at least one module; leave it out for the whole extractor")
    return {name: name for name in value} if isinstance(value, list) else value


class Pretraining(Section):
    """The stage before: the extractor learns on the source corpora. Unset values are those of `training`.

    Example:
        >>> Pretraining(checkpoint="runs/a", modules=["tim"]).modules
        {'tim': 'tim'}
    """

    epochs: Annotated[int, Field(ge=0)] = Field(0, description="passes over the sources; 0: no such stage")
    checkpoint: str | None = Field(
        None, description="a run folder or model file to take the extractor from, instead of training it"
    )
    modules: Annotated[dict[str, str] | None, BeforeValidator(_modules, json_schema_input_type=_Modules)] = Field(
        None,
        description="of the checkpoint, only these: module of this extractor -> module of the file's, or a list of names; "
        "`.` is a whole extractor",
    )
    head: str | None = Field(
        None,
        description="begin the target's head as that of this corpus in the checkpoint, whose classes must be the same",
    )
    strict: bool = Field(True, description="refuse a checkpoint that does not match; false takes the weights that do")
    batch_size: Annotated[int, Field(ge=2)] | None = Field(None, description="default: that of training")
    optimizer: Optimizer | None = Field(None, description="default: that of training")
    schedule: Schedule | None = Field(None, description="default: that of training")

    @model_validator(mode="after")
    def _of_a_checkpoint(self) -> Pretraining:
        """Refuse rules for loading where nothing is loaded."""
        if not self.checkpoint and (self.modules is not None or self.head or not self.strict):
            raise ValueError(
                "modules, head and strict say how a checkpoint is loaded; name one in pretraining.checkpoint"
            )
        return self


def _rule(value: str) -> str:
    """Check a selection rule: one of four, or a criterion without target labels."""
    if value not in RULES:
        from transfer.evaluation.validators import CRITERIA  # imports torch

        if value not in CRITERIA:
            raise ValueError(f"no selection rule {value!r}; {did_you_mean(value, (*RULES, *CRITERIA))}")
    return value


class Selection(Section):
    """Which epoch's weights are kept. `oracle` looks at test labels, and every record says so."""

    by: Annotated[str, AfterValidator(_rule)] = Field(
        "target_validation",
        description="target_validation, source_validation, last, oracle, or a criterion without target labels such as snd",
    )
    metric: Literal["uar", "loss", "accuracy"] = Field("uar", description="of a validation part, or of the test part")
    keep: Literal["best", "every_epoch"] = Field(
        "best", description="every_epoch keeps each epoch of the transfer stage, which `transfer validators` compares"
    )


class AtSensitivity(Section):
    """The operating point of a screening: the highest specificity that validation shows at this sensitivity."""

    sensitivity: Annotated[float, Field(gt=0, le=1, description="share of positives to be found")]


class Evaluation(Section):
    """How predictions are scored. What is chosen is chosen on target validation, where `selection.by` goes by it."""

    aggregation: Literal["choose", "mean", "vote"] = Field(
        "choose", description="how slices are put together; choose: what validation decides better by, else mean"
    )
    operating_point: Literal["youden"] | AtSensitivity | None = Field(
        "youden", description="of two classes, the threshold that validation chooses: youden, or {sensitivity: 0.8}"
    )
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="share of positives that PPV and NPV are told for; default: that of the part scored"
    )
