"""A record may come from anybody: no model is made that its weights do not fill."""

import json

import pytest
import torch
from safetensors.torch import load, save

from tests import bundles
from tests.bundles import members, rewrite
from transfer import predict
from transfer.errors import UserError

trained = bundles.trained


def with_part(found, section, **options):
    """Return members whose recipe has other options of a component."""
    recipe = json.loads(found["recipe.json"])
    recipe[section] |= options
    return {**found, "recipe.json": json.dumps(recipe).encode()}


def with_statistics(found, change):
    """Return members whose statistics were changed."""
    changed = {name: change(name, value) for name, value in load(found["normalisation.safetensors"]).items()}
    return {**found, "normalisation.safetensors": save(changed)}


UNFIT = {
    "voices that are no covariance": (
        lambda f: {**f, "voices.safetensors": save({"within": torch.ones(3, 2)})},
        "expected a covariance `within`",
    ),
    "voices that are not finite": (
        lambda f: {**f, "voices.safetensors": save({"within": torch.full((2, 2), torch.nan)})},
        "not finite",
    ),
    "a width that its weights do not fill": (lambda f: with_part(f, "extractor", filters=400_000), "has shape"),
    "a width that no machine holds": (lambda f: with_part(f, "extractor", filters=2**40), "filters"),
    "a width below zero": (lambda f: with_part(f, "extractor", filters=-1), "filters"),
    "more blocks than anybody has": (lambda f: with_part(f, "extractor", blocks=10**7), "blocks"),
    "a window that fills the memory": (lambda f: with_part(f, "frontend", n_fft=2**30), "n_fft"),
    "a hop of nothing": (lambda f: with_part(f, "frontend", hop=0), "hop"),
    "classes of another corpus": (
        lambda f: {**f, "labels.json": b'{"casia": ["angry", "fear"], "other": ["a", "b"]}'},
        "not of its target 'modma'",
    ),
    "statistics of another width": (lambda f: with_statistics(f, lambda name, v: v[:5].clone()), "39 channels"),
    "deviations below zero": (
        lambda f: with_statistics(f, lambda name, v: -v if name.endswith("std") else v),
        "below zero",
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_a_record_whose_weights_do_not_fit_is_refused_before_memory_is_taken(what, trained, tmp_path):
    change, words = UNFIT[what]
    file = rewrite(tmp_path / "hostile.bundle", change(members(trained / "model.bundle")))
    with pytest.raises(UserError, match=words):
        predict(file, [trained / "a.wav"])
