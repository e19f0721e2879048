"""The JSON schema of recipes takes every recipe that ships, and refuses what the loader refuses."""

import copy
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from transfer import load_recipe
from transfer.build import registries
from transfer.cli import app
from transfer.component_schema import documented_arguments, option_schemas
from transfer.errors import RecipeError
from transfer.loading import list_recipes, recipe_folder
from transfer.recipe_page import recipe_page
from transfer.recipe_schema import recipe_schema

ROOT = Path(__file__).resolve().parent.parent
WHOLE = {
    "name": "a",
    "strategy": {"name": "ddg", "every": 2},
    "source": {"corpus": "casia"},
    "target": {"corpus": "modma", "labelled_speakers": 2},
    "training": {"optimizer": {"betas": [0.9, 0.98]}, "rates": {"extractor": "x0.1", "heads.modma": 0.001}},
    "frontend": {"order": 2},
}


@pytest.fixture(scope="module")
def schema():
    return recipe_schema()


@pytest.fixture(scope="module")
def check(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    return lambda tree: [f"{error.json_path}: {error.message}" for error in validator.iter_errors(tree)]


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def changed(**changes):
    """Return the whole recipe with dotted keys set; None takes a key away."""
    tree = copy.deepcopy(WHOLE)
    for path, value in changes.items():
        *above, last = path.split("__")
        section = tree
        for key in above:
            section = section.setdefault(key, {})
        if value is None:
            del section[last]
        else:
            section[last] = value
    return tree


def test_every_recipe_that_ships_is_valid_as_it_is_written(check):
    found = {path: check(read(path)) for path in list_recipes()}
    assert len(found) > 100
    assert {path.name: faults for path, faults in found.items() if faults} == {}


def test_every_base_is_valid_but_for_what_the_extending_recipe_says(check):
    bases = sorted((recipe_folder() / "_base").glob("*.yaml"))
    assert len(bases) > 5
    for path in bases:
        assert check({**read(path), "extends": "other.yaml"}) == [], path


def test_a_resolved_recipe_is_valid(check):
    for name in ("casia_to_modma_ddg", "best/nemo_to_emovo_speaker", "nemo_to_emovo/cdan", "notes/003_multi_tim/ddg4"):
        assert check(load_recipe(name).model_dump(mode="json")) == [], name


ACCEPTED = {
    "as it stands": {},
    "a list of sources": {"source": [{"corpus": "casia"}, {"corpus": "my_own", "reader": "manifest"}]},
    "a strategy of one's own": {"strategy": {"name": "mine:Mine", "anything": 1}},
    "losses with their own options": {
        "strategy": {"name": "alignment", "losses": [{"name": "mmd", "weight": 0.5, "kernels": 3}]}
    },
    "a criterion": {"selection": {"by": "snd"}},
    "augmentation": {"training__augment": [{"name": "spec_augment"}]},
    "an operating point": {"evaluation": {"operating_point": {"sensitivity": 0.8}}},
    "modules as a list": {"pretraining": {"checkpoint": "runs/a", "modules": ["tim"]}},
}
REFUSED = {
    "an unknown key": {"trainig": {}},
    "an unknown key of a section": {"training__epoch": 3},
    "an unknown strategy": {"strategy": {"name": "dan"}},
    "another strategy's option": {"strategy": {"name": "scratch", "every": 2}},
    "an option's kind": {"strategy": {"name": "ddg", "every": "often"}},
    "an option's name": {"strategy": {"name": "ddg", "evry": 2}},
    "an unknown loss": {"strategy": {"name": "alignment", "losses": [{"name": "mdm"}]}},
    "a loss's option": {"strategy": {"name": "alignment", "losses": [{"name": "mmd", "kernel": 3}]}},
    "an unknown extractor": {"extractor": {"name": "multi_tm"}},
    "a head's option": {"head": {"name": "linear", "modes": "diff"}},
    "an unknown front end": {"frontend": {"name": "mfc"}},
    "an augmentation": {"training__augment": [{"name": "spec_augmnt"}]},
    "a number out of range": {"training__batch_size": 1},
    "a value": {"split": {"by": "speakers"}},
    "a criterion": {"selection": {"by": "snt"}},
    "a rate": {"training__rates": {"extractor": "fast"}},
    "no target": {"target": None},
    "no corpus": {"target": {"labelled_speakers": 2}},
    "no name of the strategy": {"strategy": {"every": 2}},
}


@pytest.mark.parametrize("about", ACCEPTED)
def test_the_schema_takes(check, about):
    assert check(changed(**ACCEPTED[about])) == []


@pytest.mark.parametrize("about", REFUSED)
def test_the_schema_refuses_as_the_loader_does(check, about, tmp_path):
    tree = changed(**REFUSED[about])
    assert check(tree)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(RecipeError):
        load_recipe(path)


def test_the_schema_refuses_a_reader_that_there_is_none_of(check):
    assert check(changed(source={"corpus": "my_own", "reader": "manifesto"}))


def test_the_schema_knows_every_name_and_every_option(schema):
    for kind, table in registries().items():
        definition = schema["definitions"][kind]
        assert definition["properties"]["name"]["anyOf"][0]["enum"] == list(table)
        assert len(definition["allOf"]) == len(table)


def test_every_option_of_every_component_says_what_it_means():
    options = [(cls, name) for table in registries().values() for cls in table.values() for name in option_schemas(cls)]
    assert len(options) > 400
    assert [(cls.__name__, name) for cls, name in options if not documented_arguments(cls).get(name)] == []


def test_every_key_says_what_it_means(schema):
    sections = {"recipe": schema, **{k: v for k, v in schema["definitions"].items() if k[0].isupper()}}
    keys = {(name, key): one for name, section in sections.items() for key, one in section["properties"].items()}
    assert len(keys) > 80
    assert [place for place, one in keys.items() if not one.get("description")] == []


def test_the_page_is_up_to_date():
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert page == recipe_page(), "run: transfer schema --form markdown --out docs/recipes.md"


def test_the_command_writes_the_schema(tmp_path, schema):
    file = tmp_path / "recipe.schema.json"
    assert CliRunner().invoke(app, ["schema", "--out", str(file)]).exit_code == 0
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == schema
