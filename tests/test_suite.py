"""What a comparison is asked for: suites from files and from the command line."""

import pytest

from transfer.errors import RecipeError
from transfer.suite import CONTROLS, Suite, load_suite

TWO = ["casia_to_modma_mmd", "casia_to_modma_ddg"]


def write(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_command_line_names_recipes_and_overrides_in_any_order():
    suite = load_suite([TWO[0], "training.epochs=3", TWO[1], "strategy.weight=0.5"], seeds=3)
    assert [entry.recipe for entry in suite.recipes] == TWO
    assert suite.overrides == {"training.epochs": 3, "strategy.weight": 0.5}
    assert suite.seeds == [0, 1, 2]
    assert tuple(suite.controls) == CONTROLS
    assert suite.name == "casia_to_modma"


def test_the_name_of_a_suite_is_what_its_recipes_share():
    assert load_suite(["nemo_to_emovo/dann", "recipes/nemo_to_emovo/ddg.yaml"]).name == "nemo_to_emovo"
    assert load_suite(["nemo_to_emovo/dann", "casia_to_modma_ddg"]).name == "comparison"


def test_a_suite_file_says_the_same_and_the_command_line_wins(tmp_path):
    text = "recipes:\n- casia_to_modma_mmd\n- {recipe: casia_to_modma_mmd, name: strong, overrides: {strategy.weight: 2}}\n"
    text += "seeds: [3, 5]\nfolds: 4\noverrides: {training.epochs: 9, batch_statistics: shared}\n"
    suite = load_suite([write(tmp_path, text), "training.epochs=2"], folds=6)
    assert suite.name == "mine"
    assert (suite.seeds, suite.folds) == ([3, 5], 6)
    assert suite.recipes[1].overrides == {"strategy.weight": 2}
    assert suite.overrides == {"training.epochs": 2, "batch_statistics": "shared"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipes: []", "recipes"),
        ("recipes: [casia_to_modma_mmd]\nseeds: [1, 1]", "named twice"),
        ("recipes: [casia_to_modma_mmd]\nseeds: 0", "seeds"),
        ("recipes: [casia_to_modma_mmd]\nfolds: 1", "folds"),
        ("recipes: [casia_to_modma_mmd]\nsedes: 2", "did you mean 'seeds'"),
        ("recipes: [{recipe: casia_to_modma_mmd, nmae: x}]", "did you mean 'name'"),
        ("recipes: [casia_to_modma_mdm]", "did you mean 'casia_to_modma_mmd'"),
        ("recipes: [casia_to_modma_mmd]\nmetric: f9", "metric"),
        ("recipes: [casia_to_modma_mmd]\ncontrols: [magic]", "controls"),
    ],
)
def test_a_mistake_in_a_suite_is_named(text, message, tmp_path):
    with pytest.raises(RecipeError, match=message):
        load_suite([write(tmp_path, text)])


def test_nothing_to_compare_and_a_suite_beside_recipes_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="nothing to compare"):
        load_suite(["training.epochs=3"])
    with pytest.raises(RecipeError, match="give it alone"):
        load_suite([write(tmp_path, "recipes: [casia_to_modma_mmd]"), "casia_to_modma_ddg"])


def test_a_suite_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValueError, match="frozen"):
        Suite(recipes=["casia_to_modma_mmd"]).seeds = [1]
