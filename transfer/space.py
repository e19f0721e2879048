"""The space that a sweep searches: dotted keys of a recipe, and what each may be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, RootModel, ValidationError, field_validator, model_validator

from transfer.errors import RecipeError
from transfer.loading import Source, parse_file
from transfer.section import Section

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Range", "Space", "load_space"]

Scalar = int | float | str | None


class Range(Section):
    """Numbers from low to high: whole ones where all that is said is whole.

    Example:
        >>> Range(low=0.0001, high=0.01, log=True).whole, Range(low=16, high=64, step=16).whole
        (False, True)
    """

    low: int | float
    high: int | float
    log: bool = Field(False, description="draw the logarithm evenly")
    step: int | float | None = Field(None, description="between neighbouring values")

    @field_validator("low", "high", "step", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        """Take 1e-4, which YAML calls text, for the number that it is; a truth value is none."""
        if isinstance(value, bool):
            raise ValueError("expected a number")
        return float(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _orderly(self) -> Range:
        """Refuse ranges that hold nothing to choose from."""
        if not self.low < self.high:
            raise ValueError(f"expected low below high, got {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs low above 0 and no step")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"expected a step above 0 and within the range, got {self.step}")
        return self

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step) if value is not None)

    @property
    def ends(self) -> list[Scalar]:
        """The values that are tried before anything is run."""
        return [self.low, self.high]

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


class Choice(RootModel[Annotated[list[Scalar], Field(min_length=2)]]):
    """One of several values."""

    @property
    def ends(self) -> list[Scalar]:
        """The values that are tried before anything is run."""
        return self.root

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.root)


class Space(RootModel[Annotated[dict[str, Range | Choice], Field(min_length=1)]]):
    """What a sweep may set.

    Example:
        >>> space = Space({"training.optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True}, "head.mode": ["plain", "diff"]})
        >>> space.corners()
        [{'training.optimizer.lr': 0.0001, 'head.mode': 'plain'}, {'training.optimizer.lr': 0.01, 'head.mode': 'diff'}]
    """

    def corners(self) -> list[dict[str, Scalar]]:
        """Return settings in which every end and every choice occurs."""
        most = max(len(one.ends) for one in self.root.values())
        return [{key: one.ends[min(i, len(one.ends) - 1)] for key, one in self.root.items()} for i in range(most)]

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return what Optuna draws from."""
        return {key: one.distribution() for key, one in self.root.items()}


def load_space(path: str | Path) -> Space:
    """Read a space from YAML, which runs no code.

    Args:
        path: of a file of `dotted.key: {low: ..., high: ..., log: ...}` and `dotted.key: [one, another]`.

    Raises:
        RecipeError: with the file, the line and what was expected.
    """
    source = Source({"": str(path)})
    if not Path(path).is_file():
        raise RecipeError(
            f"no file {path}; expected the space of a sweep: `dotted.key: {{low: 0.001, high: 0.1, log: true}}`"
        )
    tree = parse_file(Path(path), source)
    try:
        return Space.model_validate(tree)
    except ValidationError as error:
        raise RecipeError("\n".join(_problems(error, tree, source))) from error


def _problems(error: ValidationError, tree: dict[str, Any], source: Source) -> list[str]:
    """Say in words what pydantic found, of a range what is wrong with a range."""
    lines = {}
    for problem in error.errors():
        key = str(problem["loc"][0]) if problem["loc"] else ""
        if len(problem["loc"]) < 2 or (problem["loc"][1] == "Choice") != isinstance(tree.get(key), dict):
            field = ".".join(str(part) for part in (key, *problem["loc"][2:3]) if part != "")
            lines.setdefault(field, f"{source.place(field)}: {field}: {problem['msg']} (got {problem['input']!r})")
    return list(lines.values())
