"""A corpus read from the disk batch by batch gives the numbers that it gives from memory, and takes no memory."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from transfer.data.cache import cache_folder
from transfer.data.domain import build_domain
from transfer.data.feature_cache import FeatureCache, clip_names
from transfer.data.features import FeatureStore, extract_features
from transfer.data.normalisation import Normaliser
from transfer.data.stored_domain import build_stored_domain
from transfer.errors import RecipeError
from transfer.experiment import run
from transfer.loop import Streams
from transfer.strategies import Draw


class Silent:
    """A front end whose features are all in the cache."""

    channels, sample_rate = 3, 16000

    def record(self):
        return {"name": "silent"}


@pytest.fixture
def stored(tmp_path):
    """Return a factory: slice table, features on the disk and fitted statistics."""

    def make(kind, slices=12, frames=9):
        rng = np.random.default_rng(0)
        table = pd.DataFrame(
            {
                "position": np.arange(slices),
                "path": "",
                "hash": [f"h{i}" for i in range(slices)],
                "start": 0.0,
                "end": 1.0,
                "corpus": "a",
                "speaker": [f"s{i % 3}" for i in range(slices)],
                "label": ["x", "y"] * (slices // 2),
                "part": "train",
                "labelled": True,
                "visible": True,
            }
        )
        lengths = rng.integers(1, frames + 1, slices)
        clips = [rng.normal(5, 3, (n, 3)).astype(np.float32) for n in lengths]
        FeatureCache(tmp_path, Silent().record()).write(clip_names(table), clips, {})
        store = extract_features(table, Silent(), folder=tmp_path, stored=True)
        return table, store, Normaliser(kind).fit(table, store.clip)

    return make


@pytest.mark.parametrize("kind", ["none", "clip", "train", "corpus", "speaker"])
def test_batches_from_the_disk_are_those_from_memory_to_the_last_bit(kind, stored):
    parts = (*stored(kind), torch.device("cpu"))
    ours, theirs = (build("a", ["x", "y"], *parts) for build in (build_stored_domain, build_domain))
    assert ours.features.shape == theirs.features.shape
    for rows in (torch.tensor([3, 0, 11]), torch.arange(12)):
        for one, other in zip(ours.batch(rows)[:4], theirs.batch(rows)[:4], strict=True):
            assert torch.equal(one, other)
            assert one.stride() == other.stride()


def test_a_group_without_statistics_is_refused_before_training(stored):
    table, store, normaliser = stored("speaker")
    with pytest.raises(RecipeError, match="no statistics for 'a/new'"):
        build_stored_domain("a", ["x", "y"], table.assign(speaker="new"), store, normaliser, torch.device("cpu"))


def test_features_in_memory_are_refused():
    store = FeatureStore(np.zeros((2, 3), np.float32), np.array([2]), {})
    with pytest.raises(TypeError, match="expected StoredFeatures"):
        build_stored_domain("a", ["x"], pd.DataFrame(), store, Normaliser("none"), torch.device("cpu"))


def test_memory_does_not_grow_with_the_corpus(stored):
    table, store, normaliser = stored("train", slices=3000, frames=60)
    tracemalloc.start()
    domain = build_stored_domain("a", ["x", "y"], table, store, normaliser, torch.device("cpu"))
    Normaliser("train").fit(table, store.clip)
    for rows in torch.arange(3000).split(50):
        domain.batch(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = int(store.lengths.sum()) * 3 * 4
    assert peak < size / 2, "numpy's own; a batch, and the tables"


def test_what_was_read_ahead_is_drawn_again_after_an_interruption(stored):
    domain = build_stored_domain("a", ["x", "y"], *stored("train"), torch.device("cpu"))
    draw, streams = Draw("a", "any"), [Streams({"a": domain}, 5, "none", 0) for _ in range(2)]
    before = [streams[0].batch(draw).rows.tolist() for _ in range(2)]
    state, after = streams[0].state(), [streams[0].batch(draw).rows.tolist() for _ in range(3)]
    streams[1].restore(state)
    assert [streams[1].batch(draw).rows.tolist() for _ in range(3)] == after
    whole = Streams({"a": build_domain("a", ["x", "y"], *stored("train"), torch.device("cpu"))}, 5, "none", 0)
    assert [whole.batch(draw).rows.tolist() for _ in range(5)] == before + after, "as it would be in memory"


def test_a_run_from_the_disk_ends_as_one_in_memory_and_says_so(tiny, tmp_path):
    kept = {}
    for place in ("memory", "disk"):
        summary = run(tiny, [f"compute.features={place}", "tracking.kind=none"], synthetic=True, out=tmp_path / place)
        assert any("stay on the disk" in note for note in summary["notes"]) is (place == "disk")
        kept[place] = pd.read_parquet(tmp_path / place / "predictions.parquet")
        history = json.loads(Path(tmp_path, place, "history.json").read_text())
        kept[f"{place} history"] = [epoch["adapt/loss"] for epoch in history[-1]["epochs"]]
    pd.testing.assert_frame_equal(kept["memory"], kept["disk"], check_exact=True)
    assert kept["memory history"] == kept["disk history"]
    assert list(cache_folder("features").glob("*.safetensors"))
