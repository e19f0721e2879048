"""What a recipe may say: frozen models of every section, checked when the recipe is loaded.

`transfer.loading` reads YAML into these; `transfer.build` turns names into objects. Rates are per optimizer step of the
module named, seconds are seconds, shares lie in [0, 1].
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from transfer.corpus_sections import CorpusSection, Slices, SplitSection, TargetSection
from transfer.section import Component, Count, Section
from transfer.training_sections import (
    RULES,
    EarlyStopping,
    Evaluation,
    Optimizer,
    Pretraining,
    Schedule,
    Selection,
    Training,
)

__all__ = [
    "RULES",
    "Component",
    "CorpusSection",
    "EarlyStopping",
    "Evaluation",
    "Optimizer",
    "Pretraining",
    "Recipe",
    "Schedule",
    "Selection",
    "Slices",
    "SplitSection",
    "SyntheticSection",
    "TargetSection",
    "Training",
]


class Tracking(Section):
    """Where the run is recorded."""

    kind: Literal["mlflow", "none"] = Field("mlflow", description="the store; `none` writes the run's folder alone")
    uri: str | None = Field(None, description="default: $MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db")
    experiment: str = Field("transfer", description="the experiment that the run stands under")
    model: bool = Field(True, description="keep the model as one that mlflow.pyfunc loads")


class SyntheticSection(Section):
    """What `--synthetic` writes and changes; it is ignored otherwise."""

    source: dict[str, Any] = Field(default_factory=dict, description="options of the generator for the source")
    target: dict[str, Any] = Field(default_factory=dict, description="options of the generator for the target")
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="dotted keys set for stand-ins, such as training.epochs"
    )


class Compute(Section):
    """Where and in what precision the run computes."""

    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="auto: a GPU where there is one")
    precision: Literal["32-true", "tf32", "bf16-mixed", "16-mixed"] = Field(
        "32-true",
        description="of the arithmetic: float32, or mixed with bfloat16 or float16; tf32 and 16-mixed (whose gradients are "
        "scaled) need an NVIDIA GPU",
    )
    compile: Literal[False, True, "cuda_graphs"] = Field(
        False,
        description="torch.compile of extractor and heads; cuda_graphs replays steps of one shape on an NVIDIA GPU",
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(None, description="CPU threads; default: all cores")
    reuse_memory: bool = Field(
        True, description="keep memory that tensors leave, instead of giving it back to the system (glibc)"
    )
    deterministic: bool = Field(
        False,
        description="the same bits again on the same machine and number of threads, on a GPU too: operations that have no "
        "such form end the run, named",
    )
    features: Literal["auto", "memory", "disk"] = Field(
        "auto", description="auto: on the device where they fit into half of its free memory, else read batch by batch"
    )


class Recipe(Section):
    """A whole experiment: two corpora, one extractor, a head for each, a strategy.

    Example:
        >>> recipe = Recipe(name="a", strategy={"name": "scratch"}, target={"corpus": "modma"})
        >>> recipe.target.labelled_speakers, recipe.split.by
        ('all', 'speaker')
    """

    name: Annotated[str, Field(pattern=r"^[\w.+-]+$", description="of the run; its folder begins with it")]
    description: str = Field("", description="what it is for, in a line; `transfer list recipes` shows it")
    strategy: Component = Field(description="how the source helps the target")
    source: list[CorpusSection] = Field(default_factory=list, description="the corpus that helps, or a list of them")
    target: TargetSection = Field(description="the corpus that is to be understood")
    labels: Literal["as_is", "canonical", "shared", "valence", "quadrants"] = Field(
        "as_is", description="the classes: the corpus's own words, or a common set (`transfer.data.labels`)"
    )
    heads: Literal["separate", "shared"] = Field(
        "separate", description="one head a corpus, or one for all (same classes)"
    )
    split: SplitSection = Field(SplitSection(), description="how the target is parted")
    frontend: Component = Field(Component(name="mfcc", order=3), description="waveforms to features")
    normalisation: Literal["none", "clip", "train", "corpus", "speaker", "voice"] = Field(
        "train",
        description="whose mean and deviation features are standardised by: nobody's, each slice's, those of the labelled "
        "training slices, each corpus's, each speaker's, each voice's",
    )
    warping: bool = Field(
        False,
        description="by speaker or voice: ranks among the own values, as normal deviates, in the place of mean and deviation",
    )
    voices: Count = Field(3, description="how many voices are found in the target (normalisation: voice)")
    batch_statistics: Literal["corpus", "shared"] = Field(
        "corpus",
        description="BatchNorm running statistics: one set for each corpus, or one for all, which source batches then move",
    )
    extractor: Component = Field(Component(name="multi_tim"), description="the network that all corpora share")
    head: Component = Field(Component(name="temporal"), description="from the extractor's frames to classes")
    training: Training = Field(Training(), description="how the stage of transfer goes")
    pretraining: Pretraining = Field(Pretraining(), description="the stage before it")
    selection: Selection = Field(Selection(), description="which epoch is kept")
    evaluation: Evaluation = Field(Evaluation(), description="how predictions are scored")
    tracking: Tracking = Field(Tracking(), description="where the run is recorded")
    compute: Compute = Field(Compute(), description="where it computes")
    bad_audio: Literal["refuse", "skip"] = Field("refuse", description="what is done where a file cannot be read")
    plain_ids: bool = Field(False, description="write speaker ids and recordings as they are, not hashed")
    positive: str | None = Field(
        None,
        description="of two, what sensitivity is about; default: the class whose name says so, else the last by alphabet",
    )
    reported: dict[str, Any] = Field(default_factory=dict, description="figures reported elsewhere for this experiment")
    synthetic: SyntheticSection | None = Field(None, description="what `--synthetic` writes and changes")

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

    @model_validator(mode="after")
    def _warped_by_whom(self) -> Recipe:
        """Refuse warping where no group of one's own clips is ranked."""
        if self.warping and self.normalisation not in ("speaker", "voice"):
            raise ValueError(
                f"warping ranks the clips of a speaker or voice, and normalisation is {self.normalisation}; set it to speaker "
                "or voice, or leave warping out"
            )
        return self

    @property
    def corpora(self) -> list[CorpusSection]:
        """The sources, then the target."""
        return [*self.source, self.target]
