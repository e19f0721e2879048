"""`transfer split`: draw a recipe's parts once, and keep them in a file that a recipe can demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transfer.data.split_file import split_table, write_split
from transfer.errors import SplitError
from transfer.loading import load_recipe
from transfer.output import plain
from transfer.preparation import plan
from transfer.recipe import Recipe
from transfer.standins import with_standins

__all__ = ["freeze_split"]


def freeze_split(
    recipe: Recipe | str | Path, overrides: Sequence[str] = (), *, out: str | Path, synthetic: bool = False
) -> dict[str, Any]:
    """Write the parts of a recipe to a file.

    The parts are audited as those of a run are, so that no leaking split is frozen unless the recipe accepts it by name.

    Args:
        recipe: the recipe, its file, or its name.
        overrides: `dotted.key=value`, for a recipe given by file or name.
        out: the file to write, a CSV table.
        synthetic: on stand-ins of the corpora.

    Returns:
        `file`, `hash`, `slices` (corpus -> part -> number) and `leakage`.

    Raises:
        UserError: for what the recipe, its corpora or their parts have wrong.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides, synthetic=synthetic)
    planned = plan(with_standins(recipe) if synthetic else recipe)
    try:
        write_split(Path(out), split_table(planned.slices))
    except OSError as error:
        raise SplitError(
            f"--out {out} cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from error
    slices: dict[str, dict[str, int]] = {}
    for (corpus, part), group in planned.slices.groupby(["corpus", "part"], sort=False):
        slices.setdefault(str(corpus), {})[str(part)] = len(group)
    found: dict[str, Any] = plain(
        {"file": str(out), "hash": planned.split, "slices": slices, "leakage": planned.leakage}
    )
    return found
