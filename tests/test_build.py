"""Names of a recipe into objects."""

import sys
from types import SimpleNamespace

import pytest

from feature_extractors import LinearHead
from transfer.build import build_model
from transfer.errors import RecipeError
from transfer.recipe import Recipe


class SoftmaxAtTheEnd(LinearHead):
    def forward(self, frames):
        return super().forward(frames).softmax(1)


def test_a_head_that_ends_in_a_softmax_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "own_heads", SimpleNamespace(Softmax=SoftmaxAtTheEnd, Linear=LinearHead))
    tree = {"name": "a", "strategy": {"name": "scratch"}, "target": {"corpus": "b"}}
    for head, refused in (("Linear", False), ("Softmax", True)):
        recipe = Recipe.model_validate({**tree, "head": {"name": f"own_heads:{head}"}})
        if refused:
            with pytest.raises(RecipeError, match=r"head\.name: SoftmaxAtTheEnd gives probabilities"):
                build_model(recipe, in_channels=13, classes={"b": ("x", "y")})
        else:
            assert build_model(recipe, in_channels=13, classes={"b": ("x", "y")}).heads
