"""The trials of a suite: one recipe each, with its seed and fold, and where its run goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from transfer.errors import RecipeError
from transfer.loading import find_recipe, load_recipe
from transfer.parting import enumerate_folds
from transfer.recipe import Recipe
from transfer.suite import CONTROLS, Entry, Suite

Role = Literal["system", "control"]

__all__ = ["Trial", "build_trials", "system_names"]


@dataclass(frozen=True)
class Trial:
    """One run of a comparison.

    Args:
        system: the row of the comparison that it belongs to.
        role: 'system' or 'control'.
        seed: training seed.
        fold: number of the fold; None where the recipe's own parts are used.
        recipe: what is run.
    """

    system: str
    role: Role
    seed: int
    fold: int | None
    recipe: Recipe

    @property
    def name(self) -> str:
        """Return the name of its folder below `runs/`.

        Example:
            >>> recipe = load_recipe("casia_to_modma_ddg")
            >>> Trial("ddg", "system", 1, 0, recipe).name
            'ddg/seed1-fold0'
        """
        return f"{self.system}/seed{self.seed}" + ("" if self.fold is None else f"-fold{self.fold}")


def build_trials(suite: Suite) -> tuple[list[Trial], list[str]]:
    """Return every trial of a suite, and notes about controls that cannot be run.

    Trials stand seed by seed and fold by fold, so that an interrupted comparison has whole blocks.

    Raises:
        RecipeError: for a recipe or override that cannot be loaded, or two rows of one name.
    """
    loaded = [_load(entry.recipe, suite, entry.overrides) for entry in suite.recipes]
    names = system_names(suite.recipes, [recipe.name for recipe in loaded])
    rows: list[tuple[str, Role, Recipe]] = [
        (name, "control" if recipe.strategy.name in CONTROLS else "system", recipe)
        for name, recipe in zip(names, loaded, strict=True)
    ]
    first, there = loaded[0], {recipe.strategy.name for recipe in loaded}
    notes = []
    for control in suite.controls:
        if control in there or control == "majority":  # the majority needs no run: it is read off the parts of others
            continue
        found = _control(control, suite, first)
        if isinstance(found, str):
            notes.append(found)
        else:
            rows.append((control, "control", found))
    _check_targets(rows)
    if suite.budget == "equal":
        rows = [(name, role, _same_budget(recipe, first)) for name, role, recipe in rows]
    folds = {name: _folds(recipe, suite) for name, _, recipe in rows}
    blocks = [(seed, i) for seed in suite.seeds for i in range(max(map(len, folds.values())))]
    trials = []
    for seed, i in blocks:
        for name, role, _ in rows:
            if i < len(folds[name]):
                recipe = folds[name][i]
                training = recipe.training.model_copy(update={"seed": seed})
                fold = i if recipe.split.fold is not None else None
                trials.append(Trial(name, role, seed, fold, recipe.model_copy(update={"training": training})))
    return trials, notes


def system_names(entries: Sequence[Entry], recipes: Sequence[str]) -> list[str]:
    """Return the names of the rows: those given, else the recipes' without the words that they all begin with.

    Raises:
        RecipeError: for two rows of one name.

    Example:
        >>> system_names([Entry(recipe="a"), Entry(recipe="b")], ["casia_to_modma_ddg", "casia_to_modma_mmd"])
        ['ddg', 'mmd']
    """
    words = [name.split("_") for name in recipes]
    alike = [len(set(column)) == 1 for column in zip(*words, strict=False)]
    shared = [*alike, False].index(False) if len(set(recipes)) > 1 else _words_of_corpora(words[0])
    shared = min(shared, min(map(len, words)) - 1)
    names = [entry.name or "_".join(own[shared:]) for entry, own in zip(entries, words, strict=True)]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(
                f"two rows of the comparison are called {name!r}; give them names: {{recipe: ..., name: ...}}"
            )
        if not name.replace("_", "").replace("-", "").replace(".", "").replace("+", "").isalnum():
            raise RecipeError(f"the name {name!r} of a row becomes a folder; use letters, digits, _ . + and - alone")
    return names


def _words_of_corpora(words: Sequence[str]) -> int:
    """Return how many words say from where to where a single recipe goes: casia_to_modma_ddg has three."""
    return 3 if len(words) > 3 and words[1] == "to" else 0


def _load(name: str, suite: Suite, own: Mapping[str, Any]) -> Recipe:
    """Load a recipe with the overrides of the suite, then its own."""
    texts = [
        f"{key}={_text(value)}" for key, value in {**suite.overrides, **_fold_overrides(name, suite), **own}.items()
    ]
    return load_recipe(name, texts, synthetic=suite.synthetic)


def _fold_overrides(name: str, suite: Suite) -> dict[str, Any]:
    """Return what makes a recipe's split one of folds; each fold's test speakers are heard by nobody."""
    if suite.folds is None:
        return {}
    texts = [f"{key}={_text(value)}" for key, value in suite.overrides.items()]
    split = load_recipe(name, texts, synthetic=suite.synthetic).split
    if split.by == "kfold":
        return {"split.folds": suite.folds}
    kept = {"valid": split.valid, "accept_leakage": list(split.accept_leakage), "near_copies": split.near_copies}
    return {"split": {"by": "kfold", "folds": suite.folds, "fold": 0, **kept}}


def _text(value: Any) -> str:
    """Return a value as the YAML that a command line would hold."""
    import yaml

    return str(yaml.safe_dump(value, default_flow_style=True, width=10**9)).removesuffix("...\n").strip()


def _control(name: str, suite: Suite, first: Recipe) -> Recipe | str:
    """Return the recipe of a control beside the first recipe, or why there is none."""
    file = find_recipe(suite.recipes[0].recipe)
    prefix = file.stem[: -len(file.stem.rpartition("_to_")[2].partition("_")[2])] if "_to_" in file.stem else ""
    sibling = file.with_name(f"{prefix}{name}.yaml")
    if sibling.is_file():
        recipe = _load(str(sibling), suite, {})
        target = recipe.target.model_copy(update={"labelled_speakers": first.target.labelled_speakers})
        recipe = recipe.model_copy(update={"target": target, "split": first.split})
    else:
        recipe = _derived(name, first)
    if name == "scratch" and first.target.labelled_speakers in ("none", 0, []):
        return "the control scratch is left out: it learns from target labels, and these recipes use none"
    if name == "source_only" and not first.source:
        return "the control source_only is left out: these recipes have no source"
    if name == "source_only" and not sibling.is_file() and first.labels == "as_is" and first.heads == "separate":
        return (
            "the control source_only is left out: source and target have labels of their own; set `labels: shared`, or "
            f"write {sibling.name} beside the recipes with `relabel`"
        )
    return recipe


def _derived(name: str, first: Recipe) -> Recipe:
    """Return a control made from the first recipe: its data, model and training, another strategy."""
    selection = first.selection
    update: dict[str, Any] = {"name": f"{first.name}-{name}", "strategy": type(first.strategy)(name=name)}
    update["pretraining"] = type(first.pretraining)()
    if name == "scratch":
        if selection.by not in ("target_validation", "last", "oracle"):
            selection = selection.model_copy(update={"by": "last"})
        update["heads"] = "separate"
    else:
        if selection.by == "target_validation":
            selection = selection.model_copy(update={"by": "source_validation"})
        update["heads"] = "shared"
    return first.model_copy(update={**update, "selection": selection, "reported": {}})


def _check_targets(rows: Sequence[tuple[str, Role, Recipe]]) -> None:
    """Refuse to compare what was not tested on the same corpus."""
    targets = {recipe.target.corpus for _, _, recipe in rows}
    if len(targets) > 1:
        raise RecipeError(
            f"the recipes have different targets ({', '.join(sorted(targets))}); compare those of one target"
        )


def _same_budget(recipe: Recipe, first: Recipe) -> Recipe:
    """Return a recipe with the training effort of the first."""
    same = {
        key: getattr(first.training, key) for key in ("epochs", "batch_size", "optimizer", "schedule", "early_stopping")
    }
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=same)})


def _folds(recipe: Recipe, suite: Suite) -> list[Recipe]:
    """Return a recipe's folds; the recipe alone where its split has none, or names the one that it wants."""
    rule = recipe.split
    if rule.by not in ("loso", "kfold", "session") or (rule.fold is not None and suite.folds is None):
        return [recipe]
    seeded = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": suite.seeds[0]})})
    if rule.by == "kfold":
        import pandas as pd

        return enumerate_folds(seeded, pd.DataFrame())
    from transfer.preparation import read_all
    from transfer.standins import with_standins

    _, tables, _ = read_all(with_standins(seeded) if suite.synthetic else seeded)
    return enumerate_folds(seeded, tables[recipe.target.corpus])
