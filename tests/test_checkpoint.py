"""Checkpoints: what they may be taken from."""

import pytest

from transfer.checkpoint import Checkpoint, check_provenance, heard
from transfer.errors import RecipeError
from transfer.recipe import Recipe


def test_a_checkpoint_that_came_from_one_that_heard_the_target_is_refused():
    file = Checkpoint({}, {}, {"front_end": {}, "classes": {"casia": []}, "heard": ["casia", "modma"]})
    recipe = Recipe(name="a", strategy={"name": "finetune"}, source={"corpus": "casia"}, target={"corpus": "modma"})
    assert heard(file) == {"casia", "modma"}
    with pytest.raises(RecipeError, match="or one before it, used modma"):
        check_provenance(file, recipe, {})
