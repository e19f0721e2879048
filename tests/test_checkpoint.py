"""Checkpoints: what their extractor has heard."""

from transfer.checkpoint import Checkpoint, corpora_heard, heard


def test_a_checkpoint_has_heard_what_the_runs_before_it_heard():
    file = Checkpoint({}, {}, {"front_end": {}, "classes": {"casia": []}, "heard": ["casia", "modma"]})
    assert heard(file) == {"casia", "modma"}
    assert corpora_heard(["b", "a"], None) == ["a", "b"]
