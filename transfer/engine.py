"""Where many runs go: processes of this machine, or the nodes of a Ray cluster."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from transfer.section import Positive, Section

__all__ = ["Engine"]


class Engine(Section):
    """What runs the trials of a comparison or a sweep.

    Example:
        >>> Engine.model_validate("ray").cpus
        1.0
    """

    name: Literal["local", "ray"] = "local"
    address: str | None = Field(None, description="of a Ray cluster, or auto; default: one of this machine alone")
    cpus: Positive = Field(1.0, description="cores that a trial asks Ray for")
    gpus: Annotated[float, Field(ge=0)] = Field(0.0, description="GPUs, or the share of one, that a trial asks Ray for")
    retries: Annotated[int, Field(ge=0)] = Field(3, description="how often a trial whose node was lost begins again")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        """Let the name alone be an engine."""
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _of_ray(self) -> Engine:
        """Refuse what means nothing to local processes."""
        fields = type(self).model_fields
        given = sorted(name for name in self.model_fields_set if getattr(self, name) != fields[name].default)
        if self.name == "local" and given:
            raise ValueError(f"{', '.join(given)} is for the engine ray; set the engine to ray, or leave it out")
        return self

    def threads(self, share: int) -> int:
        """Return the CPU threads of a trial: what it asks Ray for, or its share of this machine."""
        return max(1, int(self.cpus)) if self.name == "ray" else share
