"""Recipes load, or say what is wrong, where, and what there is instead."""

import sys

import pytest

from transfer.cli import main
from transfer.errors import RecipeError
from transfer.loading import find_recipe, list_recipes, load_recipe

MINIMAL = """\
name: mine
strategy: {name: scratch}
target:
  corpus: modma
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", [p for p in list_recipes() if "notes" not in p.parts], ids=lambda p: p.stem)
def test_every_shipped_recipe_loads(path):
    recipe = load_recipe(path)
    assert recipe.description
    stem = path.relative_to(path.parents[1] if path.parent.name != "recipes" else path.parent).with_suffix("")
    assert recipe.name == stem.as_posix().replace("/", "_")


def test_the_shipped_recipes_are_all_seen():
    names = {p.stem for p in list_recipes()}
    strategies = {"scratch", "source_only", "freeze", "finetune", "joint", "mmd", "dann", "ae", "ddg"}
    assert strategies | {f"casia_to_modma_{s}" for s in strategies} <= names


def test_a_recipe_is_found_by_its_name():
    assert find_recipe("casia_to_modma_ddg") == find_recipe("recipes/casia_to_modma_ddg.yaml").resolve()
    with pytest.raises(RecipeError, match="did you mean 'casia_to_modma_ddg'"):
        find_recipe("casia_to_modma_dgg")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("trainign: {epochs: 3}", ["mine.yaml:5", "trainign", "unknown key", "did you mean 'training'"]),
        ("training:\n  epoch: 3", ["mine.yaml:6", "training.epoch", "did you mean 'epochs'"]),
        ("training:\n  epochs: many", ["mine.yaml:6", "training.epochs", "'many'"]),
        ("training: {epochs: 0}", ["training.epochs", "greater than or equal to 1"]),
        ("extractor: {name: multi_tom}", ["extractor.name", "did you mean 'multi_tim'"]),
        ("extractor: {name: multi_tim, block: 3}", ["mine.yaml:5", "extractor.block", "did you mean 'blocks'"]),
        ("extractor: {name: multi_tim, blocks: three}", ["extractor.blocks", "'three'"]),
        ("extractor: {name: multi_tim, mode: attentive}", ["extractor.mode", "attention"]),
        ("frontend: {name: mfc}", ["frontend.name", "did you mean 'mfcc'"]),
        ("training: {rates: {extractor: fast}}", ["training.rates.extractor", "x0.1"]),
        ("source: {corpus: casia, slice: V1}", ["source.slice", "did you mean 'slices'"]),
        ("source: {corpus: modma}", ["'modma' is named twice"]),
        ("selection: {by: guess}", ["selection.by", "target_validation"]),
    ],
)
def test_a_mistake_is_named_with_its_path_and_line(line, says, write):
    with pytest.raises(RecipeError) as error:
        load_recipe(write(MINIMAL + line + "\n"))
    for part in says:
        assert part in str(error.value)


def test_an_unknown_strategy_gets_a_suggestion(write):
    with pytest.raises(RecipeError, match="did you mean 'dann'"):
        load_recipe(write(MINIMAL.replace("scratch", "dan")))


def test_an_option_of_a_nested_loss_is_checked(write):
    text = MINIMAL.replace("{name: scratch}", "{name: alignment, losses: [{name: mmd, kernel: 3}]}")
    with pytest.raises(RecipeError, match=r"strategy\.losses\.0\.kernel.*did you mean 'kernels'"):
        load_recipe(write(text))
    with pytest.raises(RecipeError, match=r"strategy\.losses\.0\.name.*did you mean 'mmd'"):
        load_recipe(write(text.replace("name: mmd, kernel: 3", "name: mdm")))


def test_overrides_win_and_are_named_when_wrong(write):
    path = write(MINIMAL)
    recipe = load_recipe(
        path, ["training.epochs=3", "training.rates.extractor=x0.5", "source.corpus=casia", "source.root=/data"]
    )
    assert recipe.training.epochs == 3
    assert recipe.training.rates == {"extractor": "x0.5"}
    assert recipe.source[0].root == "/data"
    with pytest.raises(RecipeError, match=r"command line.*training\.epoch.*did you mean 'epochs'"):
        load_recipe(path, ["training.epoch=3"])
    with pytest.raises(RecipeError, match=r"dotted\.key=value"):
        load_recipe(path, ["training.epochs"])


def test_extends_merges_bases_and_drops_options_of_another_class(write):
    write(
        "name: base\nstrategy: {name: finetune, factor: 0.5}\ntarget: {corpus: modma}\ntraining: {epochs: 7, seed: 3}\n",
        "_base/b.yaml",
    )
    recipe = load_recipe(
        write("extends: _base/b.yaml\nname: child\nstrategy: {name: scratch}\ntraining: {epochs: 2}\n")
    )
    assert (recipe.training.epochs, recipe.training.seed) == (2, 3)
    assert recipe.strategy.options == {}


def test_extends_names_a_missing_base_and_a_circle(write):
    with pytest.raises(RecipeError, match=r"mine\.yaml:1.*no file"):
        load_recipe(write("extends: nowhere.yaml\n" + MINIMAL))
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(write("extends: mine.yaml\n" + MINIMAL))


def test_an_environment_variable_is_filled_in_and_named_when_missing(write, monkeypatch):
    path = write(MINIMAL + "  root: ${oc.env:MY_CORPUS}\n")
    monkeypatch.setenv("MY_CORPUS", "/data/modma")
    assert load_recipe(path).target.root == "/data/modma"
    monkeypatch.delenv("MY_CORPUS")
    with pytest.raises(RecipeError, match=r"mine\.yaml:5.*MY_CORPUS"):
        load_recipe(path)


@pytest.mark.parametrize(
    "text",
    [
        "name: &a mine\nstrategy: {name: *a}\n",
        "name: !!python/object/apply:os.system [id]\n",
        "name: a\nname: b\n",
        "- a\n- b\n",
        "name: ${oc.decode:danger}\n",
        "name: ${now:%Y}\n",
        "name: {\n",
        "\xff\xfe",
        "name: a\ndescription: 2001-99-99\n",
        "name: a\ndescription: 2001-09-09\n",
        "name: a\ntraining: {epochs: 0b_}\n",
        "name: a\nlabels: " + "[" * 500 + "]" * 500 + "\n",
        "name: a\ntraining: {epochs: 1, epochs: 2}\n",
        "name: !!str a\n",
        "name: a\n2001-09-09: b\n",
        "name: a\nstrategy: {name: scratch}\nsynthetic: [1]\n",
        "name: a\ndescription: " + "x" * 300_000 + "\n",
    ],
)
def test_what_is_no_recipe_or_could_run_code_is_refused(text, write):
    with pytest.raises(RecipeError):
        load_recipe(write(text), synthetic=True)


def test_a_recipe_in_another_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_bytes((MINIMAL + "description: Köln\n").encode("latin-1"))
    with pytest.raises(RecipeError, match=r"mine\.yaml:5: byte 0xf6 is not UTF-8.*save it as UTF-8"):
        load_recipe(tmp_path / "mine.yaml")


def test_an_empty_recipe_and_tabs_are_said_in_words(write):
    with pytest.raises(RecipeError, match=r"mine\.yaml: the file is empty"):
        load_recipe(write("# nothing yet\n"))
    with pytest.raises(RecipeError, match="indent with blanks, not tabs"):
        load_recipe(write("name: mine\ntarget:\n\tcorpus: modma\n"))
    with pytest.raises(RecipeError) as other:
        load_recipe(write("name: {\n"))
    assert "not tabs" not in str(other.value)


def test_a_recipe_that_is_not_there_gets_the_nearest_names_and_not_all(write, monkeypatch):
    folder = write(MINIMAL).parent
    monkeypatch.chdir(folder)
    for name, says in (
        ("mine.yml", "did you mean 'mine.yaml'"),
        ("casia_to_modma_dgg", "did you mean 'casia_to_modma_ddg'"),
        (folder, "is a folder, and no recipe; for a folder of audio `transfer init"),
        ("nothing like it", "`transfer list recipes` names the"),
    ):
        with pytest.raises(RecipeError) as refused:
            find_recipe(name)
        assert says in str(refused.value)
        assert len(str(refused.value)) < 500


def test_bases_that_multiply_are_refused(write):
    for level in range(12):
        write(f"extends: [b{level + 1}.yaml, b{level + 1}.yaml, b{level + 1}.yaml]\n", f"b{level}.yaml")
    write("name: a\n", "b12.yaml")
    with pytest.raises(RecipeError, match="extends more than 50 files"):
        load_recipe(write("extends: b0.yaml\n" + MINIMAL))


def test_synthetic_overrides_apply_to_stand_ins_only(write):
    path = write(MINIMAL + "synthetic: {overrides: {training.epochs: 2}}\n")
    assert load_recipe(path).training.epochs == 40
    assert load_recipe(path, synthetic=True).training.epochs == 2
    assert load_recipe(path, ["training.epochs=5"], synthetic=True).training.epochs == 5


def test_a_users_own_class_is_taken_by_module_and_name_where_it_is_trusted(write, monkeypatch):
    own = MINIMAL + "extractor: {name: 'feature_extractors.multi_tim:MultiTIM', blocks: 2}\n"
    with pytest.raises(RecipeError, match=r"mine\.yaml:5: extractor\.name.*--trust.*\$TRANSFER_TRUST"):
        load_recipe(write(own))
    monkeypatch.setenv("TRANSFER_TRUST", "feature_extractors")
    assert load_recipe(write(own)).extractor.options == {"blocks": 2}
    monkeypatch.setenv("TRANSFER_TRUST", "nowhere")
    with pytest.raises(RecipeError, match="cannot be imported"):
        load_recipe(write(MINIMAL + "extractor: {name: 'nowhere.at_all:Net'}\n"))


def test_code_that_is_not_trusted_is_not_even_imported(write, tmp_path, monkeypatch):
    (tmp_path / "poison.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for section in ("extractor", "head", "frontend", "strategy"):
        text = MINIMAL.replace("strategy: {name: scratch}\n", "") if section == "strategy" else MINIMAL
        with pytest.raises(RecipeError, match="trust"):
            load_recipe(write(f"{text}{section}: {{name: 'poison:Net'}}\n"))


def test_the_option_trust_admits_what_else_is_refused(write, monkeypatch, capsys):
    own = str(write(MINIMAL + "extractor: {name: 'feature_extractors.multi_tim:MultiTIM'}\n"))
    for words, code in ((["show", own], 2), (["show", own, "--trust"], 0)):
        monkeypatch.setenv("TRANSFER_TRUST", "")  # put back in the end
        monkeypatch.setattr(sys, "argv", ["transfer", *words])
        with pytest.raises(SystemExit) as left:
            main()
        assert (left.value.code or 0) == code
        assert ("say --trust" in capsys.readouterr().err) == bool(code)


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("-2E4", -2e4), ("1.5e0", 1.5), ("1e", "1e"), ("e3", "e3"), ("12", 12)]
)
def test_numbers_with_an_exponent_are_numbers(text, value):
    from transfer.strict_yaml import read_yaml

    found = read_yaml(f"lr: {text}")[0]["lr"]
    assert found == value
    assert type(found) is type(value)


def test_a_recipe_outside_the_repository_extends_one_that_ships_with_the_toolkit(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: casia_to_modma_mmd\nname: mine\n", encoding="utf-8")
    assert load_recipe(tmp_path / "mine.yaml").strategy.name == "mmd"
    (tmp_path / "mine.yaml").write_text("extends: casia_to_modma_mdm\nname: mine\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"mine\.yaml:1: extends 'casia_to_modma_mdm'.*casia_to_modma_mmd"):
        load_recipe(tmp_path / "mine.yaml")
