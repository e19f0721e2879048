"""What a run keeps for a picture of the domains: few slices, the right ones, the same before and after."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from transfer import run
from transfer.evaluation.projections import (
    Sample,
    plane,
    principal_components,
    read_projections,
    tsne,
    write_projections,
)
from transfer.projections import MOST_SLICES, sample_embeddings


def test_components_are_those_of_scikit_learn():
    values = np.random.default_rng(0).normal(size=(40, 12)) @ np.diag(np.arange(1.0, 13.0)) + 5
    components, share = principal_components(values, most=6)
    fitted = PCA(6).fit(values)
    assert np.abs(components) == pytest.approx(np.abs(fitted.transform(values)), abs=1e-8)
    assert share == pytest.approx(fitted.explained_variance_ratio_)


def test_a_sample_has_source_slices_that_were_heard_and_target_slices_of_the_test(attached, domain):
    corpora = {"a": domain("a", slices=400, seed=1), "b": domain("b", slices=48, frames=56, seed=2)}
    strategy = attached("mmd", domains=corpora)
    found = sample_embeddings(strategy.setting.model, corpora, ("a",), "b")
    test = corpora["b"].pools["test"]
    assert found.domain == ["a"] * MOST_SLICES + ["b"] * len(test)
    assert found.label[-len(test) :] == corpora["b"].table["label"].iloc[test.numpy()].tolist()
    batch = corpora["b"].batch(test)
    expected = strategy.setting.model.eval().embed(batch.features, batch.lengths, "b")["specific"]
    assert found.values[-len(test) :] == pytest.approx(expected.numpy(), abs=1e-5)
    again = sample_embeddings(strategy.setting.model, corpora, ("a",), "b")
    assert (again.values == found.values).all()


def test_heads_of_their_own_are_compared_at_the_level_that_both_share(attached, domain):
    corpora = {"a": domain("a", seed=1), "b": domain("b", frames=56, seed=2)}
    model = attached("joint", shared=False, domains=corpora).setting.model
    assert sample_embeddings(model, corpora, ("a",), "b").level == "universal"
    assert sample_embeddings(model, corpora, (), "b").domain == ["b"] * 8, "without a source there is the target"


def test_sampling_leaves_the_model_as_it_was(attached, domain):
    corpora = {"a": domain("a", seed=1), "b": domain("b", frames=56, seed=2)}
    model = attached("mmd", domains=corpora).setting.model.train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    sample_embeddings(model, corpora, ("a",), "b")
    assert model.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e8])
def test_half_precision_keeps_the_picture_of_embeddings_of_any_size(size, tmp_path):
    values = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32) * size
    sample = Sample(values, ["a"] * 10 + ["b"] * 10, ["x", "y"] * 10, "specific")
    write_projections(tmp_path / "p.npz", sample, sample)
    found = read_projections(tmp_path / "p.npz")
    expected = principal_components(values)[0]
    assert found["before"] == pytest.approx(expected / np.abs(expected).max(), abs=1e-3)
    assert found["domain"].tolist() == sample.domain
    assert found["label"].tolist() == sample.label
    assert str(found["level"]) == "specific"


def test_no_sample_writes_nothing(tmp_path):
    write_projections(tmp_path / "p.npz", None, None)
    assert not list(tmp_path.iterdir())


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "p.npz", domain=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_projections(tmp_path / "p.npz")


def test_tsne_keeps_far_groups_apart_and_repeats():
    values = np.random.default_rng(0).normal(size=(60, 5))
    values[:30, 0] += 30
    xy = tsne(principal_components(values)[0])
    middle = np.stack([xy[:30].mean(axis=0), xy[30:].mean(axis=0)])
    nearest = np.linalg.norm(xy[:, None] - middle, axis=2).argmin(axis=1)
    assert nearest.tolist() == [0] * 30 + [1] * 30
    assert (tsne(principal_components(values)[0]) == xy).all()


@pytest.mark.parametrize("values", [np.zeros((20, 3)), np.ones((4, 1)), np.arange(20.0)[:, None]])
def test_degenerate_embeddings_have_a_picture_too(values):
    xy = tsne(values)
    assert xy.shape == (len(values), 2)
    assert np.isfinite(xy).all()
    assert plane(values).shape == (len(values), 2)


def test_a_run_leaves_its_projections(tiny, tmp_path):
    run(tiny, ["tracking.kind=none"], synthetic=True, out=tmp_path / "a")
    found = read_projections(tmp_path / "a" / "projections.npz")
    assert set(found["domain"].tolist()) == {"casia", "modma"}
    assert not np.array_equal(found["before"], found["after"])
