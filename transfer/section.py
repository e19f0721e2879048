"""What all sections of a recipe have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Component", "Count", "Positive", "Section", "Seed", "Share"]

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """Base of all sections: immutable, every number finite, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
