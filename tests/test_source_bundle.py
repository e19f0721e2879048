"""A source that stays at home: a bundle brings weights and moments, and another run begins with them."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from transfer import run
from transfer.bundle import read_bundle, write_bundle
from transfer.checkpoint import read_checkpoint
from transfer.errors import BundleError, RecipeError, UserError
from transfer.export_cli import export
from transfer.loading import load_recipe
from transfer.source_bundle import begin_with_bundle

SOURCE = """\
name: home
strategy: {name: scratch}
target: {corpus: casia, slices: {version: V2, seconds: 2}, relabel: {sad: low, neutral: high}}
extractor: {name: multi_tim, mode: plain, blocks: 1, filters: 7}
head: {name: temporal, mode: plain, blocks: 1}
training: {epochs: 2, batch_size: 8}
tracking: {kind: none}
synthetic: {target: {clips: 1}}
"""
AWAY = """\
name: away
strategy: {name: moment_matching}
source: {bundle: home.bundle}
target: {corpus: modma, labelled_speakers: LABELLED, relabel: {MDD: low, HC: high},
  slices: {version: V1, seconds: 4, overlap: 1}}
training: {epochs: 2, batch_size: 8}
selection: {by: last}
tracking: {kind: none}
synthetic: {target: {speakers: 8, clips: 1}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with the source's run and its bundle."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "home.yaml").write_text(SOURCE, encoding="utf-8")
    run(folder / "home.yaml", synthetic=True, out=folder / "run")
    export(folder / "run", "bundle", folder / "home.bundle")
    return folder


@pytest.fixture
def away(home, monkeypatch):
    """Return a function that runs a recipe of the other place."""
    monkeypatch.chdir(home)

    def go(out, *overrides, labelled="all"):
        file = home / "away.yaml"
        file.write_text(AWAY.replace("LABELLED", labelled), encoding="utf-8")
        return run(file, list(overrides), synthetic=True, out=out)

    return go


def test_a_bundle_holds_the_moments_of_what_training_heard(home):
    from transfer.build import build_front_end, build_model
    from transfer.device import build_fabric
    from transfer.preparation import load, plan
    from transfer.standins import with_standins

    recipe = with_standins(load_recipe(home / "home.yaml", synthetic=True))
    planned = plan(recipe)
    prepared = load(recipe, planned, build_fabric(recipe.compute).device)
    bundle = read_bundle(home / "home.bundle")
    model = build_model(recipe, in_channels=int(build_front_end(recipe).channels), classes=planned.classes)
    model.load_state_dict(bundle.weights)
    model.eval()
    domain, rows = prepared.domains["casia"], []
    for i in domain.pools["any"].tolist():  # one by one
        length = int(domain.lengths[i])
        frames = model.universal(domain.features[i : i + 1, :, :length], domain.lengths[i : i + 1], "casia")
        rows.append(frames.features[0, :, : int(frames.lengths[0])].mean(1).detach().numpy())
    assert set(domain.table["part"].iloc[domain.pools["any"].tolist()]) == {"train"}
    np.testing.assert_allclose(bundle.moments["mean"], np.mean(rows, 0), atol=1e-5)
    np.testing.assert_allclose(bundle.moments["covariance"], np.cov(np.array(rows).T), atol=1e-5)


@pytest.mark.parametrize("strategy", ["freeze", "finetune", "moment_matching"])
def test_a_run_begins_with_the_bundles_network_and_no_source_audio(home, away, tmp_path, strategy):
    options = [f"strategy={{name: {strategy}}}", "training.epochs=1"]
    summary = away(tmp_path / "run", *options)
    assert summary["source"] == []
    recipe = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert recipe["loaded_weights"]["matched"]
    ours, theirs = read_checkpoint(tmp_path / "run"), read_bundle(home / "home.bundle")
    assert ours.record["recipe"]["extractor"] == theirs.record["recipe"]["extractor"]
    assert ours.record["recipe"]["pretraining"]["checkpoint"] == "(a local file)"
    assert set(ours.record["heard"]) == {"casia", "modma"}
    kept = [
        torch.equal(ours.weights[n], t)
        for n, t in theirs.weights.items()
        if n.startswith("extractor.") and t.is_floating_point()
    ]
    assert all(kept) if strategy == "freeze" else not any(kept[:1])


def test_without_target_labels_the_bundles_head_decides_and_matching_narrows_the_gap(home, away, tmp_path):
    gaps = {}
    for epochs in (1, 8):
        folder = tmp_path / str(epochs)
        options = [
            f"training.epochs={epochs}",
            "normalisation=none",
            "strategy.factor=1",
            "training.optimizer.lr=0.003",
        ]
        away(folder, *options, "strategy.weight=1" if epochs > 1 else "strategy.weight=0.000000001", labelled="none")
        ours, theirs = read_checkpoint(folder), read_bundle(home / "home.bundle")
        heads = {
            n.partition(".")[2].partition(".")[2]: t for n, t in ours.weights.items() if n.startswith("heads.modma.")
        }
        want = {n.removeprefix("heads.casia."): t for n, t in theirs.weights.items() if n.startswith("heads.casia.")}
        assert set(heads) == set(want)
        assert all(torch.equal(heads[n], t) for n, t in want.items() if "running" not in n and "num_" not in n)
        moments = ours.moments
        gaps[epochs] = sum(float((moments[k] - theirs.moments[k]).square().sum()) for k in ("mean", "covariance"))
    assert gaps[8] < 0.5 * gaps[1], gaps


def test_other_classes_than_the_heads_are_refused(away, tmp_path):
    with pytest.raises(RecipeError, match=r"decides between high, low, and modma has HC, MDD; rename"):
        away(tmp_path / "run", "target.relabel={}", labelled="none")
    assert not (tmp_path / "run").exists()


def test_a_file_without_moments_cannot_be_matched(home, away, tmp_path):
    checkpoint = read_bundle(home / "home.bundle")
    bare = type(checkpoint)(checkpoint.weights, checkpoint.normalisation, checkpoint.record)
    write_bundle(tmp_path / "bare.bundle", bare, protocol={}, card="")
    with pytest.raises(RecipeError, match="moments that a source left behind, and there are none"):
        away(tmp_path / "run", f"source.bundle={tmp_path / 'bare.bundle'}")
    summary = away(tmp_path / "run", f"source.bundle={tmp_path / 'bare.bundle'}", "strategy={name: finetune}")
    assert summary["metrics"]["test"]


def test_moments_of_odd_shape_are_refused(home, tmp_path):
    checkpoint = read_bundle(home / "home.bundle")
    for moments in ({"mean": torch.zeros(3)}, {"mean": torch.zeros(2), "covariance": torch.full((2, 2), torch.nan)}):
        odd = type(checkpoint)(checkpoint.weights, checkpoint.normalisation, checkpoint.record, moments)
        write_bundle(tmp_path / "odd.bundle", odd, protocol={}, card="")
        with pytest.raises(BundleError, match=r"moments\.safetensors holds"):
            read_bundle(tmp_path / "odd.bundle")
        (tmp_path / "odd.bundle").unlink()


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"source": {"bundle": "absent.bundle"}}, "no model file at absent.bundle"),
        ({"source": {"bundle": "a", "corpus": "casia"}}, r"source\.corpus: a source that is a bundle has one key"),
        ({"source": {"bundle": "a"}, "pretraining": {"epochs": 3}}, r"pretraining\.epochs: the source is a bundle"),
    ],
)
def test_what_a_source_bundle_cannot_be(tree, said):
    with pytest.raises(UserError, match=said):
        begin_with_bundle(tree)


def test_predictions_of_a_run_from_a_bundle_are_of_the_target_alone(away, tmp_path):
    away(tmp_path / "run", "strategy={name: freeze}", "training.epochs=1")
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert set(table["corpus"]) == {"modma"}
