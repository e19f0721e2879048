"""Sections of a recipe about data: corpora, slices, and how the target is parted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from transfer.section import Count, Positive, Section, Seed, Share

__all__ = ["CorpusSection", "Slices", "SplitSection", "TargetSection"]


class Slices(Section):
    """How clips are cut into model inputs (`transfer.data.slicing`)."""

    version: Literal["V0", "V1", "V2", "whole", "frames"] = Field(
        "whole", description="recordings joined and cut (V0), windows (V1), the beginning (V2), clips, or frames"
    )
    seconds: Positive = Field(10.0, description="length of a window, s")
    overlap: Annotated[float, Field(ge=0)] = Field(2.5, description="overlap of neighbouring windows, s (V1)")
    minimum: Positive = Field(1.0, description="a rest shorter than this is dropped, s (V0, V1)")
    reproduce_notes: bool = Field(False, description="join recordings across speakers, as the lab's notes did (V0)")
    neighbours: Count = Field(11, description="frames that a frame is heard with, itself included; odd (frames)")

    @field_validator("neighbours")
    @classmethod
    def _odd(cls, value: int) -> int:
        """Refuse a window without a middle."""
        if value % 2 == 0:
            raise ValueError("expected an odd number, so that the labelled frame is in the middle")
        return value


class CorpusSection(Section):
    """A corpus and how it is read."""

    corpus: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]*$", description="its name: letters, digits, _ and -")]
    root: str | None = Field(None, description="folder; default $TRANSFER_CORPORA/<corpus>")
    reader: str | None = Field(None, description="the reader to use where the corpus name is your own")
    options: dict[str, Any] = Field(default_factory=dict, description="of the reader, such as classes: 4 of iemocap")
    slices: Slices = Field(Slices(), description="how clips are cut")
    relabel: dict[str, str] = Field(
        default_factory=dict, description="corpus label -> class; labels that are not named are left out, and counted"
    )


class TargetSection(CorpusSection):
    """The target corpus, and how much of its labelling the strategy may see."""

    labelled_speakers: Literal["all", "none"] | Annotated[int, Field(ge=0)] | list[str] = Field(
        "all", description="whose labels are used: all, none, a number of speakers drawn by the seed, or a list of ids"
    )


Leak = Literal["speaker", "recording", "slice", "audio", "copy", "text", "statistics"]


class SplitSection(Section):
    """How the target is parted into training, validation and test (`transfer.data.splitting`).

    Sources give training and validation parts: by clip where the target is parted by clip, by speaker otherwise.
    """

    by: Literal["speaker", "loso", "session", "kfold", "official", "column", "text", "clip"] = Field(
        "speaker", description="what is kept in one part"
    )
    valid: Share = Field(0.2, description="share of validation")
    test: Share = Field(0.2, description="share of the test part")
    seed: Seed | None = Field(None, description="default: training.seed, so that seeds differ in their parts too")
    fold: int | str | None = Field(
        None, description="which fold is the test: a number from 0, or the name of the speaker or session left out"
    )
    folds: Annotated[int, Field(ge=2)] = Field(5, description="number of folds (kfold)")
    inner_folds: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="validate on one of so many folds of what the test leaves, instead of on a share (loso, kfold)",
    )
    inner_fold: Annotated[int, Field(ge=0)] = Field(0, description="which of the inner folds")
    column: str | None = Field(None, description="the column of the corpus that says the parts (column)")
    file: str | None = Field(None, description="take the parts from a file that `transfer split` wrote")
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = Field(
        None, description="refuse parts other than those of this hash, from a file or drawn"
    )
    transductive: bool = Field(
        False,
        description="labelled target speakers are training, all the others test; adaptation sees test audio unlabelled",
    )
    near_copies: bool = Field(True, description="look for near copies between parts, which decodes every file once")
    forbid: list[Literal["text"]] = Field(
        default_factory=list, description="findings that are reported only, and are to end the run"
    )
    accept_leakage: list[Leak] = Field(default_factory=list, description="leaks that this recipe accepts by name")

    @model_validator(mode="after")
    def _only_where_it_counts(self) -> SplitSection:
        """Refuse what the chosen split would not look at."""
        kinds = {
            "fold": ("loso", "kfold", "session"),
            "folds": ("kfold",),
            "inner_folds": ("loso", "kfold", "session"),
            "inner_fold": ("loso", "kfold", "session"),
            "column": ("column",),
        }
        for name, allowed in kinds.items():
            if getattr(self, name) != type(self).model_fields[name].default and self.by not in allowed:
                raise ValueError(f"{name} has no effect with by: {self.by}; it belongs to {', '.join(allowed)}")
        if self.file and (self.by != "speaker" or self.fold is not None):
            raise ValueError(
                f"file says the parts, so that by: {self.by} and fold: {self.fold} have no effect; leave them out"
            )
        if self.inner_fold and not self.inner_folds:
            raise ValueError(f"inner_fold is {self.inner_fold}, but inner_folds, their number, is not set")
        if self.transductive and (self.by != "speaker" or self.file):
            what = "file" if self.file else f"by: {self.by}"
            raise ValueError(
                f"transductive tests all speakers without labels, so that {what} has no effect; leave it out"
            )
        return self
