"""What a recipe makes of a corpus: its parts, and what training may hear and know of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from transfer.data.few_shot import few_shot_split
from transfer.data.split import Split
from transfer.data.split_file import check_hash, frozen_parts, read_split, split_hash
from transfer.data.splitting import fold_names, split_slices
from transfer.errors import RecipeError, SplitError, did_you_mean
from transfer.recipe import CorpusSection, Recipe

__all__ = ["assign_roles", "columns_apart", "enumerate_folds", "part_corpus", "read_frozen"]

COLUMN = {"session": "session", "text": "text", "official": "split"}


def columns_apart(recipe: Recipe, section: CorpusSection) -> tuple[str, ...]:
    """Return the columns of a corpus that its parts go by, besides the speaker."""
    if section is not recipe.target:
        return ()
    column = recipe.split.column or COLUMN.get(recipe.split.by)
    return (column,) if column else ()


def read_frozen(recipe: Recipe) -> pd.DataFrame | None:
    """Return the recipe's split file, None where it has none.

    Raises:
        SplitError: if it is not there, malformed, or not the one that `split.hash` demands.
    """
    if recipe.split.file is None:
        return None
    table = read_split(Path(recipe.split.file).expanduser())
    check_hash(split_hash(table), recipe.split.hash, f"in {recipe.split.file}")
    return table


def part_corpus(recipe: Recipe, section: CorpusSection, slices: pd.DataFrame, frozen: pd.DataFrame | None) -> Split:
    """Part a corpus: sources into training and validation, the target into training, validation and test.

    Args:
        recipe: the recipe.
        section: the corpus's.
        slices: its slice table, with the column hash.
        frozen: the split file.

    Raises:
        SplitError: if the parts cannot be made.
    """
    rule, name, seed = recipe.split, section.corpus, _seed(recipe)
    if frozen is not None:
        parts = frozen_parts(frozen, slices, corpus=name)
        return Split(slices, parts, by="file", accept=rule.accept_leakage)
    if section is not recipe.target:
        by = "clip" if rule.by == "clip" else "speaker"
        return split_slices(
            slices, by=by, valid=rule.valid, test=0.0, seed=seed, accept=rule.accept_leakage, corpus=name
        )
    labelled = recipe.target.labelled_speakers
    if rule.transductive:
        if labelled == "all":
            raise SplitError(
                "split.transductive leaves nothing to test with target.labelled_speakers: all; give a number, a list, or none"
            )
        return few_shot_split(slices, labelled=0 if labelled == "none" else labelled, seed=seed, corpus=name)
    return split_slices(
        slices,
        by=rule.by,
        valid=rule.valid,
        test=rule.test,
        seed=seed,
        accept=rule.accept_leakage,
        corpus=name,
        fold=rule.fold,
        folds=rule.folds,
        inner_folds=rule.inner_folds or 0,
        inner_fold=rule.inner_fold,
        column=rule.column,
    )


def assign_roles(
    recipe: Recipe, section: CorpusSection, slices: pd.DataFrame, split: Split, learns_from: Sequence[str]
) -> pd.DataFrame:
    """Add to a slice table its corpus, parts, and what training may use: `labelled` and `visible`.

    Args:
        recipe: the recipe.
        section: the corpus's.
        slices: its slice table.
        split: its parts.
        learns_from: the roles whose labels the strategy learns from: 'source', 'target'.
    """
    table: pd.DataFrame = slices.copy()
    table["corpus"], table["part"] = section.corpus, split.parts.reindex(slices.index).to_numpy()
    table["visible"] = table["part"] == "train"
    role = "target" if section is recipe.target else "source"
    table["labelled"] = table["visible"] & (role in learns_from)
    if role == "target":
        if recipe.split.transductive:
            table["visible"] |= table["part"] == "test"
        else:
            table["labelled"] &= table["speaker"].isin(_labelled_speakers(recipe, table))
    return table


def enumerate_folds(recipe: Recipe, target: pd.DataFrame) -> list[Recipe]:
    """Return the recipes that together test every speaker (session) of the target once, and nothing else apart.

    Args:
        recipe: the recipe, whose `split.by` has folds; its `split.fold` does not matter.
        target: slice or corpus table of the target.

    Raises:
        SplitError: if its split has no folds.
    """
    rule = recipe.split
    names = fold_names(target, by=rule.by, folds=rule.folds, corpus=recipe.target.corpus)
    return [
        recipe.model_copy(update={"split": rule.model_copy(update={"fold": name, "seed": _seed(recipe)})})
        for name in names
    ]


def _seed(recipe: Recipe) -> int:
    """Return the seed of the parts."""
    return recipe.training.seed if recipe.split.seed is None else recipe.split.seed


def _labelled_speakers(recipe: Recipe, table: pd.DataFrame) -> set[str]:
    """Return the training speakers of the target whose labels may be used."""
    rule = recipe.target.labelled_speakers
    speakers = sorted(set(table.loc[table["part"] == "train", "speaker"]))
    if rule == "all":
        return set(speakers)
    if rule == "none":
        return set()
    if isinstance(rule, int):
        if rule > len(speakers):
            raise SplitError(
                f"target.labelled_speakers is {rule}, but the training part has {len(speakers)} speakers; lower it or split.test"
            )
        if rule == len(speakers):
            return set(speakers)
        train = table[table["part"] == "train"]
        return set(
            few_shot_split(train, labelled=rule, seed=_seed(recipe), corpus=recipe.target.corpus).speakers("train")
        )
    return _named_speakers(recipe, rule, speakers, sorted(set(table["speaker"])))


def _named_speakers(recipe: Recipe, rule: Sequence[str], training: Sequence[str], all_: Sequence[str]) -> set[str]:
    """Return the speakers that a recipe names, all of whom must be in the training part."""
    for name in rule:
        if name not in all_:
            raise RecipeError(
                f"target.labelled_speakers: no speaker {name!r} in {recipe.target.corpus}; {did_you_mean(name, all_)}"
            )
        if name not in training:
            raise SplitError(
                f"target.labelled_speakers: {name!r} fell into validation or test by split.seed; name others, or set split.transductive"
            )
    return set(rule)
