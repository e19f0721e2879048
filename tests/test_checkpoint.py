"""Checkpoints: what their extractor has heard."""

import json

from transfer.checkpoint import Checkpoint, corpora_heard, heard


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
