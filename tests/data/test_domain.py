"""What strategies are handed: features in place, labels masked, padding without effect."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from transfer.build import build_model
from transfer.data.domain import HIDDEN, build_domain
from transfer.data.features import FeatureStore
from transfer.data.normalisation import Normaliser
from transfer.prediction import predict
from transfer.recipe import Recipe


def corpus():
    lengths = [5, 9, 7, 6]
    clips = [np.random.default_rng(i).normal(size=(n, 39)).astype(np.float32) for i, n in enumerate(lengths)]
    store = FeatureStore(np.concatenate(clips), np.array(lengths), {})
    slices = pd.DataFrame(
        {
            "position": [0, 1, 2, 3],
            "speaker": list("stuv"),
            "recording": list("abcd"),
            "label": ["x", "y", "x", "y"],
            "part": ["train", "train", "valid", "test"],
            "labelled": [True, False, False, False],
            "visible": [True, True, False, False],
        }
    )
    return clips, build_domain("own", ["x", "y"], slices, store, Normaliser("none"), torch.device("cpu"))


def test_features_lie_at_their_row_and_are_zero_after_their_length():
    clips, domain = corpus()
    for i, clip in enumerate(clips):
        assert np.array_equal(domain.features[i, :, : len(clip)].T.numpy(), clip)
        assert not domain.features[i, :, len(clip) :].any()


def test_labels_are_masked_unless_training_may_use_them():
    _, domain = corpus()
    assert domain.labels.tolist() == [0, HIDDEN, HIDDEN, HIDDEN]
    assert {name: rows.tolist() for name, rows in domain.pools.items()} == {
        "labelled": [0],
        "any": [0, 1],
        "valid": [2],
        "test": [3],
    }


def test_a_batch_is_cut_to_its_longest_slice():
    _, domain = corpus()
    batch = domain.batch(torch.tensor([0, 3]))
    assert batch.features.shape == (2, 39, 6)
    assert batch.lengths.tolist() == [5, 6]


def test_the_company_of_a_slice_does_not_change_its_prediction():
    _, domain = corpus()
    recipe = Recipe(name="t", strategy={"name": "scratch"}, target={"corpus": "own"})
    torch.manual_seed(0)
    model = build_model(recipe, in_channels=39, classes={"own": ("x", "y")}).eval()
    rows = torch.arange(4)
    together = domain.batch(rows)
    with torch.no_grad():
        logits = model(together.features, together.lengths, "own")
        alone = [domain.batch(rows[i : i + 1]) for i in rows]
        single = torch.cat([model(b.features, b.lengths, "own") for b in alone])
    assert torch.allclose(logits, single, atol=1e-5)
    table = predict(model, domain, "test")
    assert table["slice"].tolist() == [3]
    assert table[["p_x", "p_y"]].to_numpy()[0] == pytest.approx(torch.softmax(logits[3], 0).tolist(), abs=1e-5)


@pytest.mark.parametrize("plain", [True, False])
def test_predictions_say_who_speaks_where_it_is_known_and_of_ages_the_band(plain):
    _, domain = corpus()
    recipe = Recipe(name="t", strategy={"name": "scratch"}, target={"corpus": "own"})
    model = build_model(recipe, in_channels=39, classes={"own": ("x", "y")})
    people = {"sex": ["male", "female", "", ""], "age": [44.0, 31.0, float("nan"), 62.5], "language": ""}
    known = replace(domain, table=domain.table.assign(**people))
    train, test = (predict(model, known, part, plain_ids=plain) for part in ("train", "test"))
    assert train[["sex", "age"]].values.tolist() == [["male", "40-49"], ["female", "30-39"]]
    assert test["age"].to_list() == ["60-69"]
    assert "language" not in train
    assert "sex" not in test
    assert not {"sex", "age", "language"} & set(predict(model, domain, "test"))
