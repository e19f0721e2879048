"""Checkpoints: what their extractor has heard, and that what was damaged is not used."""

import json

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from transfer.checkpoint import Checkpoint, corpora_heard, heard, read_checkpoint, write_checkpoint
from transfer.errors import UserError


def test_a_checkpoint_has_heard_what_the_runs_before_it_heard():
    file = Checkpoint({}, {}, {"front_end": {}, "classes": {"casia": []}, "heard": ["casia", "modma"]})
    assert heard(file) == {"casia", "modma"}
    assert corpora_heard(["b", "a"], None) == ["a", "b"]


def test_corpora_come_back_in_the_recipes_order_not_the_alphabets(tmp_path):
    from transfer.checkpoint import in_order

    recipe = {"source": [{"corpus": "zeta"}, {"corpus": "beta"}], "target": {"corpus": "alpha"}}
    classes = {name: ["x", "y"] for name in ("zeta", "beta", "alpha")}
    read = json.loads(json.dumps({"recipe": recipe, "classes": classes}, sort_keys=True))
    assert list(in_order(read)["classes"]) == ["zeta", "beta", "alpha"]
    assert in_order({"classes": 3}) == {"classes": 3}


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_model_file_with_one_bit_flipped_is_refused_or_the_same(place, bit, tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "model.safetensors"
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.arange(12.0).reshape(3, 4))
    model.count = torch.nn.Parameter(torch.tensor(7), requires_grad=False)
    model.corpora, model.use_statistics = ["a"], lambda name: None
    write_checkpoint(file, model, {"all.mean": np.ones(3)}, {"classes": {"a": ["x", "y"]}})
    whole, data = read_checkpoint(file), bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    file.write_bytes(data)
    try:
        read = read_checkpoint(file)
    except UserError:
        return
    assert read.record == whole.record
    assert read.weights.keys() == whole.weights.keys()
    assert all(torch.equal(read.weights[name], whole.weights[name]) for name in whole.weights)
    assert torch.equal(read.normalisation["all.mean"], whole.normalisation["all.mean"])


def test_a_model_file_of_before_has_no_checksum_and_is_read(tmp_path):
    save_file({"model.weight": torch.ones(2)}, tmp_path / "model.safetensors", {"record": "{}"})
    assert torch.equal(read_checkpoint(tmp_path).weights["weight"], torch.ones(2))
