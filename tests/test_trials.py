"""From a suite to trials: the same seeds and folds for every row, and controls beside them."""

import pytest

from transfer.errors import RecipeError
from transfer.suite import Entry, load_suite
from transfer.trials import build_trials, system_names

NEMO = ["nemo_to_emovo/freeze", "nemo_to_emovo/dann"]


def trials(*arguments, **settings):
    return build_trials(load_suite(list(arguments), **settings))


def test_every_row_gets_every_seed_and_the_controls_stand_beside_them():
    found, notes = trials("casia_to_modma_freeze", "casia_to_modma_ddg", seeds=2)
    assert [t.name for t in found] == [
        f"{system}/seed{seed}" for seed in (0, 1) for system in ("freeze", "ddg", "scratch", "source_only")
    ]
    assert {t.system for t in found if t.role == "control"} == {"scratch", "source_only"}
    assert all(t.recipe.training.seed == t.seed for t in found)
    assert notes == []


def test_a_control_that_is_named_as_a_recipe_is_not_run_twice():
    found, _ = trials("casia_to_modma_scratch", "casia_to_modma_ddg")
    assert sorted(t.name for t in found) == ["ddg/seed0", "scratch/seed0", "source_only/seed0"]
    assert {t.system for t in found if t.role == "control"} == {"scratch", "source_only"}


def test_folds_deal_the_speakers_alike_for_all_rows_and_seeds():
    found, _ = trials(*NEMO, "target.labelled_speakers=all", folds=6, seeds=2)
    assert len(found) == 4 * 6 * 2
    assert {(t.recipe.split.by, t.recipe.split.folds, t.recipe.split.seed) for t in found} == {("kfold", 6, 0)}
    assert {t.recipe.split.fold for t in found if t.fold == 3} == {3}
    assert not any(t.recipe.split.transductive for t in found)


def test_without_target_labels_scratch_is_left_out_and_that_is_said():
    found, notes = trials("nemo_to_emovo/dann", "nemo_to_emovo/mmd")
    assert {t.system for t in found} == {"dann", "mmd", "source_only"}
    assert any("scratch is left out" in note for note in notes)


def test_a_control_hears_and_tests_what_the_recipes_do():
    found, _ = trials("nemo_to_emovo/freeze", "nemo_to_emovo/finetune", "target.labelled_speakers=3")
    assert {t.recipe.target.labelled_speakers for t in found} == {3}
    assert all(t.recipe.split == found[0].recipe.split for t in found)


def test_a_control_has_the_labelled_speakers_of_the_first_recipe(tmp_path):
    (tmp_path / "a_to_b_scratch.yaml").write_text("extends: few.yaml\nstrategy: {name: scratch}\n")
    (tmp_path / "few.yaml").write_text("name: few\nsource: {corpus: nemo}\ntarget: {corpus: emovo}\nlabels: shared\n")
    first = "extends: few.yaml\nstrategy: {name: joint}\ntarget: {labelled_speakers: 3}\n"
    (tmp_path / "a_to_b_joint.yaml").write_text(first)
    found, _ = trials(str(tmp_path / "a_to_b_joint.yaml"), controls=["scratch"])
    assert {t.system: t.recipe.target.labelled_speakers for t in found} == {"few": 3, "scratch": 3}


def test_folds_keep_the_leaks_that_a_recipe_accepts():
    found, _ = trials("nemo_to_emovo/freeze", "split.accept_leakage=[text]", "target.labelled_speakers=all", folds=6)
    assert {tuple(t.recipe.split.accept_leakage) for t in found} == {("text",)}


def test_a_control_is_made_from_the_recipe_where_none_is_written(tmp_path):
    for name in ("mmd", "dann"):
        (tmp_path / f"mine_{name}.yaml").write_text(
            f"name: mine_{name}\nstrategy: {{name: {name}}}\nsource: {{corpus: nemo}}\ntarget: {{corpus: emovo}}\n"
            "labels: shared\nheads: shared\nselection: {by: target_validation}\n"
        )
    found, notes = trials(str(tmp_path / "mine_mmd.yaml"), str(tmp_path / "mine_dann.yaml"))
    rows = {t.system: t.recipe for t in found}
    assert set(rows) == {"mmd", "dann", "scratch", "source_only"}
    assert rows["source_only"].selection.by == "source_validation"
    assert rows["scratch"].selection.by == "target_validation"
    assert rows["scratch"].extractor == rows["mmd"].extractor
    assert notes == []


def test_source_only_is_left_out_where_the_labels_are_not_the_same(tmp_path):
    file = tmp_path / "mine_mmd.yaml"
    file.write_text("name: mine\nstrategy: {name: mmd}\nsource: {corpus: casia}\ntarget: {corpus: modma}\n")
    found, notes = trials(str(file))
    assert {t.system for t in found} == {"mine", "scratch"}
    assert any("source_only is left out" in note for note in notes)


def test_an_equal_budget_is_that_of_the_first_recipe():
    found, _ = trials(*NEMO, "target.labelled_speakers=2", budget="equal")
    assert {t.recipe.training.epochs for t in found} == {48}
    unequal, _ = trials(*NEMO, "target.labelled_speakers=2")
    assert {t.recipe.training.epochs for t in unequal} == {12, 48}


def test_rows_of_one_name_and_recipes_of_two_targets_are_refused():
    with pytest.raises(RecipeError, match="two rows of the comparison are called 'mmd'"):
        system_names([Entry(recipe="a"), Entry(recipe="b", name="mmd")], ["x_mmd", "x_ddg"])
    with pytest.raises(RecipeError, match="different targets"):
        trials("casia_to_modma_mmd", "nemo_to_emovo/dann", controls=[])
    with pytest.raises(RecipeError, match="becomes a folder"):
        system_names([Entry(recipe="a", name="../x"), Entry(recipe="b")], ["a", "b"])


def test_a_row_has_its_own_overrides(tmp_path):
    file = tmp_path / "suite.yaml"
    file.write_text(
        "recipes:\n- casia_to_modma_mmd\n- {recipe: casia_to_modma_mmd, name: strong, overrides: {strategy.weight: 2}}\n"
        "overrides: {training.epochs: 3}\ncontrols: []\n"
    )
    found, _ = trials(str(file))
    assert {t.system: t.recipe.strategy.options["weight"] for t in found} == {"mmd": 0.5, "strong": 2}
    assert {t.recipe.training.epochs for t in found} == {3}
