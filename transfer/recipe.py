"""What a recipe may say: frozen models of every section, checked when the recipe is loaded.

`transfer.loading` reads YAML into these; `transfer.build` turns names into objects. Rates are per optimizer step of the
module named, seconds are seconds, shares lie in [0, 1].
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

__all__ = [
    "Component",
    "CorpusSection",
    "Optimizer",
    "Recipe",
    "Schedule",
    "Slices",
    "SplitSection",
    "SyntheticSection",
    "TargetSection",
    "Training",
]

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Component(BaseModel):
    """A thing with a name and its own options, which are checked against the class of that name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The options, without the name.

        Example:
            >>> Component(name="mfcc", order=3).options
            {'order': 3}
        """
        return dict(self.model_extra or {})


class Slices(Section):
    """How clips are cut into model inputs (`transfer.data.slicing`)."""

    version: Literal["V1", "V2", "whole"] = "whole"
    seconds: Positive = Field(10.0, description="length of a window, s")
    overlap: Annotated[float, Field(ge=0)] = Field(2.5, description="overlap of neighbouring windows, s (V1)")
    minimum: Positive = Field(1.0, description="a rest shorter than this is dropped, s (V1)")


class CorpusSection(Section):
    """A corpus and how it is read."""

    corpus: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]*$", description="letters, digits, _ and -")]
    root: str | None = Field(None, description="folder; default $TRANSFER_CORPORA/<corpus>")
    reader: str | None = Field(None, description="the reader to use where the corpus name is your own")
    slices: Slices = Slices()
    relabel: dict[str, str] = Field(
        default_factory=dict, description="corpus label -> class; labels that are not named are left out, and counted"
    )


class TargetSection(CorpusSection):
    """The target corpus, and how much of its labelling the strategy may see."""

    labelled_speakers: Literal["all", "none"] | Annotated[int, Field(ge=0)] | list[str] = Field(
        "all", description="whose labels are used: all, none, a number of speakers drawn by the seed, or a list of ids"
    )


class SplitSection(Section):
    """How speakers are parted into training, validation and test."""

    by: Literal["speaker", "clip"] = "speaker"
    valid: Share = 0.2
    test: Share = 0.2
    seed: int | None = Field(None, description="default: training.seed, so that seeds differ in their parts too")
    transductive: bool = Field(
        False,
        description="labelled target speakers are training, all the others test; adaptation sees test audio unlabelled",
    )
    accept_leakage: list[Literal["speaker", "recording", "slice", "audio"]] = Field(
        default_factory=list, description="leaks that this recipe accepts by name"
    )


class Optimizer(Section):
    """An optimizer of torch.optim."""

    name: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: Positive = 1e-3
    betas: tuple[Share, Share] = (0.9, 0.999)
    momentum: Share = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Schedule(Section):
    """A learning-rate schedule, a function of the epoch or of training progress (`transfer.schedules`)."""

    name: Literal["constant", "step", "cosine", "warm_restarts", "noam", "dann"] = "constant"
    step_size: Count = Field(30, description="epochs between drops (step)")
    gamma: Positive = Field(0.3, description="factor of a drop (step)")
    warmup: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="share of training spent warming up (noam)")
    T_0: Count = Field(2, description="epochs of the first cycle (warm_restarts)")
    T_mult: Count = Field(2, description="growth of the cycles (warm_restarts)")
    minimum: Share = Field(0.0, description="lowest factor (cosine, warm_restarts)")


class EarlyStopping(Section):
    """Stop when the watched validation score has not improved for so many epochs."""

    patience: Count = 10
    on: Literal["uar", "loss"] = "uar"


def _rate(value: Any) -> Any:
    """Check a rate: a number is a rate, 'x0.1' a factor of the optimizer's."""
    text = str(value)
    try:
        number = float(text.removeprefix("x"))
    except ValueError:
        raise ValueError(f"expected a rate such as 0.001 or a factor such as x0.1, got {value!r}") from None
    if number < 0:
        raise ValueError(f"a rate cannot be negative, got {value!r}")
    return text


Rate = Annotated[str, BeforeValidator(_rate)]


class Training(Section):
    """How a stage of training goes."""

    epochs: Count = 40
    batch_size: Annotated[int, Field(ge=2)] = 32
    seed: int = 0
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    rates: dict[str, Rate] = Field(
        default_factory=dict, description="module name or glob -> rate (0.0005) or factor (x0.1); later entries win"
    )
    clip_gradient: Positive | None = Field(5.0, description="largest norm of the gradient")
    label_smoothing: Share = 0.1
    balance: Literal["none", "weights", "sampler"] = Field("none", description="against unequal classes")
    early_stopping: EarlyStopping | None = None


class Pretraining(Section):
    """The stage before: the extractor learns on the source corpora. Unset values are those of `training`."""

    epochs: Annotated[int, Field(ge=0)] = 0
    checkpoint: str | None = Field(
        None, description="a run folder or model file to take the extractor from, instead of training it"
    )
    batch_size: Annotated[int, Field(ge=2)] | None = None
    optimizer: Optimizer | None = None
    schedule: Schedule | None = None


class Selection(Section):
    """Which epoch's weights are kept. `oracle` looks at test labels, and every record says so."""

    by: Literal["target_validation", "source_validation", "last", "oracle"] = "target_validation"
    metric: Literal["uar", "loss"] = "uar"


class Tracking(Section):
    """Where the run is recorded."""

    kind: Literal["mlflow", "none"] = "mlflow"
    uri: str | None = Field(None, description="default: $MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db")
    experiment: str = "transfer"


class SyntheticSection(Section):
    """What `--synthetic` writes and changes; it is ignored otherwise."""

    source: dict[str, Any] = Field(default_factory=dict, description="options of the generator for the source")
    target: dict[str, Any] = Field(default_factory=dict, description="options of the generator for the target")
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="dotted keys set for stand-ins, such as training.epochs"
    )


class Compute(Section):
    """Where and in what precision the run computes."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    threads: Count | None = Field(None, description="CPU threads; default: all cores")


class Recipe(Section):
    """A whole experiment: two corpora, one extractor, a head for each, a strategy.

    Example:
        >>> recipe = Recipe(name="a", strategy={"name": "scratch"}, target={"corpus": "modma"})
        >>> recipe.target.labelled_speakers, recipe.split.by
        ('all', 'speaker')
    """

    name: Annotated[str, Field(pattern=r"^[\w.+-]+$")]
    description: str = ""
    strategy: Component
    source: list[CorpusSection] = Field(default_factory=list)
    target: TargetSection
    labels: Literal["as_is", "canonical", "shared"] = "as_is"
    heads: Literal["separate", "shared"] = Field(
        "separate", description="one head a corpus, or one for all (same classes)"
    )
    split: SplitSection = SplitSection()
    frontend: Component = Component(name="mfcc", order=3)
    normalisation: Literal["none", "clip", "train", "corpus", "speaker"] = "train"
    batch_statistics: Literal["corpus", "shared"] = Field(
        "corpus",
        description="BatchNorm running statistics: one set for each corpus, or one for all, which source batches then move",
    )
    extractor: Component = Component(name="multi_tim")
    head: Component = Component(name="temporal")
    training: Training = Training()
    pretraining: Pretraining = Pretraining()
    selection: Selection = Selection()
    tracking: Tracking = Tracking()
    compute: Compute = Compute()
    bad_audio: Literal["refuse", "skip"] = "refuse"
    plain_ids: bool = Field(False, description="write speaker ids and recordings as they are, not hashed")
    positive: str | None = Field(None, description="the class that sensitivity is about (two classes)")
    reported: dict[str, Any] = Field(default_factory=dict, description="figures reported elsewhere for this experiment")
    synthetic: SyntheticSection | None = None

    @field_validator("frontend", "extractor", "head", mode="before")
    @classmethod
    def _default_name(cls, value: Any, info: ValidationInfo) -> Any:
        """Let options alone mean those of the default component."""
        default = cls.model_fields[str(info.field_name)].default
        return {"name": default.name, **value} if isinstance(value, dict) else value

    @field_validator("source", mode="before")
    @classmethod
    def _one_source(cls, value: Any) -> Any:
        """Accept one source without the list."""
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _distinct_corpora(self) -> Recipe:
        """Refuse a corpus that is named twice: heads go by corpus name."""
        names = [section.corpus for section in (*self.source, self.target)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"corpus {twice[0]!r} is named twice; source and target must be different corpora")
        return self

    @property
    def corpora(self) -> list[CorpusSection]:
        """The sources, then the target."""
        return [*self.source, self.target]
