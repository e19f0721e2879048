"""Trackers by name, and what the loop may rely on."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.tracking import NullTracker, flatten, open_tracker

LEAVES = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
TREES = st.recursive(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), LEAVES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=3), inner | LEAVES, min_size=1, max_size=3),
    max_leaves=6,
)


def test_the_null_tracker_takes_everything_and_keeps_nothing(tmp_path):
    tracker = open_tracker("none", None, "experiment", "run")
    tracker.params({"a": 1})
    tracker.tags({"b": "c"})
    tracker.metrics({"loss": 1.0}, step=0)
    tracker.dataset("emovo", "298d4bb353875efe", "target", {"slices": 1})
    tracker.artifact(tmp_path / "nowhere")
    tracker.model(tmp_path / "nowhere")
    tracker.finish("FAILED")
    assert isinstance(tracker, NullTracker)
    assert tracker.run_id is None
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'mlflow'"):
        open_tracker("mlfow", None, "experiment", "run")


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_flattening_keeps_every_leaf_under_its_path(tree):
    flat = flatten(tree)

    def leaves(node):
        return sum(leaves(item) if isinstance(item, dict) else 1 for item in node.values())

    assert len(flat) == leaves(tree)
    for path, value in flat.items():
        node = tree
        for key in path.split("."):
            node = node[key]
        assert node == value


def test_flattening_counts_through_lists_of_mappings_and_leaves_other_lists():
    tree = {"losses": [{"name": "mmd", "weight": 0.8}, {"name": "dann"}], "betas": [0.9, 0.98], "rates": {}}
    assert flatten(tree) == {
        "losses.0.name": "mmd",
        "losses.0.weight": 0.8,
        "losses.1.name": "dann",
        "betas": [0.9, 0.98],
        "rates": {},
    }


def test_importing_the_module_imports_no_mlflow():
    code = "import sys, transfer.tracking; print({'mlflow', 'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
