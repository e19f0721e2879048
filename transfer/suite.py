"""What `transfer compare` is asked for: recipes x seeds x folds, and the controls beside them.

A suite is written in YAML, or made from what stands on the command line; `transfer.trials` makes its trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from transfer.engine import Engine
from transfer.errors import RecipeError, did_you_mean
from transfer.loading import Source, find_recipe, parse_file
from transfer.section import Count, Section, Seed

__all__ = ["CONTROLS", "Entry", "Suite", "load_suite"]

Control = Literal["scratch", "source_only", "majority"]
CONTROLS: tuple[Control, ...] = ("scratch", "source_only", "majority")


class Entry(Section):
    """A row of a comparison: a recipe, and what is changed in it."""

    recipe: str = Field(description="a YAML file, or the name of a recipe that ships with the toolkit")
    name: str | None = Field(None, description="of the row; default: the recipe's name without what all names share")
    overrides: dict[str, Any] = Field(default_factory=dict, description="dotted keys set in this recipe alone")


class Suite(Section):
    """A comparison: the same seeds and folds for every recipe.

    Example:
        >>> Suite(recipes=["casia_to_modma_mmd", {"recipe": "casia_to_modma_ddg"}], seeds=3).seeds
        [0, 1, 2]
    """

    name: Annotated[str, Field(pattern=r"^[\w.+-]+$")] = "comparison"
    recipes: Annotated[list[Entry], Field(min_length=1)]
    overrides: dict[str, Any] = Field(default_factory=dict, description="dotted keys set in every recipe")
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field([0], description="a number of seeds, or a list of them")
    folds: Annotated[int, Field(ge=2)] | None = Field(
        None, description="deal the target's speakers to so many folds, each the test once; their number: one left out"
    )
    controls: list[Control] = Field(list(CONTROLS), description="the controls that are run beside the recipes")
    metric: Literal["uar", "accuracy", "macro_f1", "auc"] = "uar"
    level: Literal["slice", "recording", "subject"] | None = Field(
        None, description="default: subject where each subject has one class, else recording"
    )
    budget: Literal["as_is", "equal"] = Field(
        "as_is", description="equal: epochs, batch size, optimizer and stopping of the first recipe for all"
    )
    synthetic: bool = False
    jobs: Count = Field(1, description="trials that run at the same time")
    engine: Engine = Field(
        Engine(), description="local, or ray; {name: ray, address: auto, cpus: 1, gpus: 0.25, retries: 3}"
    )

    @field_validator("recipes", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        """Let a recipe's name alone be an entry."""
        return (
            [{"recipe": item} if isinstance(item, str) else item for item in value]
            if isinstance(value, list)
            else value
        )

    @field_validator("seeds", mode="before")
    @classmethod
    def _number_of_seeds(cls, value: Any) -> Any:
        """Let a number mean that many seeds, from 0."""
        return list(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("seeds")
    @classmethod
    def _different_seeds(cls, value: list[int]) -> list[int]:
        """Refuse a seed that is named twice: it would count as two."""
        if len(set(value)) < len(value):
            raise ValueError("a seed is named twice; the same run would count as two")
        return value


def load_suite(arguments: Sequence[str], **settings: Any) -> Suite:
    """Return the suite of a command line: recipes and `dotted.key=value` in any order, or one suite file.

    Args:
        arguments: recipes, or a YAML file with `recipes:` in it; and overrides of all recipes.
        settings: fields of `Suite` that the command line gives; None leaves what the file says, or the default.

    Raises:
        RecipeError: with the file, the key and what was expected.

    Example:
        >>> suite = load_suite(["casia_to_modma_mmd", "training.epochs=3"], seeds=2)
        >>> suite.overrides, suite.seeds
        ({'training.epochs': 3}, [0, 1])
    """
    overrides = dict(_override(text) for text in arguments if "=" in text)
    names = [text for text in arguments if "=" not in text]
    if not names:
        raise RecipeError("nothing to compare; name recipes, or a suite (a YAML file with `recipes:` in it)")
    source, tree = Source({"": "command line"}), _suite_file(names)
    if tree is None:
        tree = {"recipes": list(names), "name": _common_name(names)}
    else:
        source.places[""] = names[0]
        tree.setdefault("name", Path(names[0]).stem)
    tree |= {key: value for key, value in settings.items() if value is not None}
    tree["overrides"] = {**(tree.get("overrides") or {}), **overrides}
    try:
        suite = Suite.model_validate(tree)
    except ValidationError as error:
        raise RecipeError("\n".join(_explain(problem, source) for problem in error.errors())) from error
    for entry in suite.recipes:
        find_recipe(entry.recipe)
    return suite


def _suite_file(names: Sequence[str]) -> dict[str, Any] | None:
    """Return what a suite file says; None where recipes are named."""
    trees = {name: parse_file(Path(name), Source()) for name in names if Path(name).is_file()}
    suites = [name for name, tree in trees.items() if "recipes" in tree]
    if suites and len(names) > 1:
        raise RecipeError(f"{suites[0]} is a suite, which names its recipes itself; give it alone")
    if not suites:
        return None
    return {key: value for key, value in trees[suites[0]].items() if key != "fingerprint"}  # of one that was run


def _common_name(names: Sequence[str]) -> str:
    """Return what recipes have in common by name: the words that their files begin with, or their folder.

    Example:
        >>> _common_name(["casia_to_modma_ddg", "casia_to_modma_mmd"]), _common_name(["nemo_to_emovo/dann.yaml"])
        ('casia_to_modma', 'nemo_to_emovo')
    """
    files = [Path(name.replace("\\", "/")) for name in names]
    found = {
        "_".join(words[:3]) if (words := file.stem.split("_"))[1:2] == ["to"] and len(words) > 3 else file.parent.name
        for file in files
    }
    return found.pop() if len(found) == 1 and "" not in found else "comparison"


def _override(text: str) -> tuple[str, Any]:
    """Read `dotted.key=value`."""
    import yaml

    key, _, value = text.partition("=")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"override {text!r}: the value is not YAML ({error})") from error


def _explain(problem: Any, source: Source) -> str:
    """Say in words what pydantic found."""
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        owners: dict[str, type[Section]] = {"recipes": Entry, "engine": Engine}
        fields = owners.get(str(problem["loc"][0]) if len(problem["loc"]) > 1 else "", Suite).model_fields
        return f"{source.place('')}: {path}: unknown key; {did_you_mean(str(problem['loc'][-1]), fields)}"
    return f"{source.place('')}: {path}: {problem['msg']} (got {problem['input']!r})"
