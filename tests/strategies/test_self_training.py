"""Pseudo-labels are those of the model, the surest of each class, every class the same, and of no labelled slice."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from transfer.data.domain import HIDDEN
from transfer.errors import RecipeError
from transfer.strategies.self_training import class_balanced_weights
from transfer.strategies.semi import surest

LINEAR = {"extractor": {"name": "functionals", "widths": []}, "head": {"name": "linear"}}


def few(domain, labelled=6):
    """Return a source, and a target of which a few training slices are labelled."""
    target = domain("b", frames=56, seed=2)
    target.pools["labelled"] = target.pools["labelled"][:labelled]
    target.labels[labelled:] = HIDDEN
    return {"a": domain("a", seed=1), "b": target}


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=30))
def test_weights_make_a_mean_over_slices_a_mean_of_classes(labels):
    labels = torch.tensor(labels)
    weights, values = class_balanced_weights(labels), torch.arange(len(labels)).float()
    there = labels[labels >= 0].unique()
    assert (weights[labels < 0] == 0).all()
    if len(there):
        expected = torch.stack([values[labels == k].mean() for k in there]).mean()
        assert torch.allclose((weights * values).mean(), expected, atol=1e-4)


def test_the_share_grows_from_the_warm_up_to_the_end(attached):
    strategy = attached("self_training", labelled=False, share=0.8, warmup=0.5, recipe={"training": {"epochs": 8}})
    assert [strategy.share_at(p) for p in (0.0, 0.5, 0.75, 1.0)] == pytest.approx([0, 0, 0.4, 0.8])
    names = [strategy.phases(epoch)[0].name for epoch in range(8)]
    assert names == ["task"] * 4 + ["self_training"] * 4
    assert strategy.phases(7)[0].weight("pseudo", 0.0) == pytest.approx(2.0 * 0.8)
    assert strategy.phases(7)[0].weight("kept", 0.0) == 0


def test_labels_are_the_models_in_evaluation_on_the_surest_of_each_class(attached, domain):
    strategy = attached("self_training", domains=few(domain), warmup=0.0, recipe={"training": {"epochs": 4}})
    model = strategy.setting.model.train()
    strategy.phases(1)  # half of each class
    assert model.training
    target = strategy.setting.domains["b"]
    free = target.pools["any"][target.labels[target.pools["any"]] == HIDDEN]
    batch = target.batch(free)
    with torch.no_grad():
        p = model.eval()(batch.features, batch.lengths, "b").softmax(1)
    kept = surest(p, confidence=0.0, share=0.5)
    assert 0 < kept.sum() < len(free)
    assert strategy.pseudo[free].tolist() == torch.where(kept, p.argmax(1), HIDDEN).tolist()
    others = torch.ones(len(target.labels), dtype=torch.bool)
    others[free] = False
    assert (strategy.pseudo[others] == HIDDEN).all(), "labelled, validation and test slices are left alone"
    assert (strategy.balance[others] == 0).all()


def test_terms_are_the_tasks_and_the_balanced_loss_of_the_labels_chosen(attached, domain):
    strategy = attached("self_training", domains=few(domain), warmup=0.0)
    (phase,) = strategy.phases(1)
    assert [(d.corpus, d.pool) for d in phase.draws] == [("a", "labelled"), ("b", "labelled"), ("b", "any")]
    s = strategy.setting
    s.model.eval()
    batches = [s.domains[d.corpus].batch(s.domains[d.corpus].pools[d.pool]) for d in phase.draws]
    terms, batch = phase.terms(batches, 0.5), batches[-1]
    labels = strategy.pseudo[batch.rows]
    z = s.model(batch.features, batch.lengths, "b")
    classes = [F.cross_entropy(z[labels == k], labels[labels == k]) for k in labels[labels >= 0].unique()]
    assert torch.allclose(terms["pseudo"], torch.stack(classes).mean(), atol=1e-5)
    assert terms["kept"] == (labels >= 0).float().mean()
    assert {"task_a", "task_b"} < set(terms)


def test_it_carries_a_model_over_a_shift_that_source_only_does_not(attached, domain, train):
    """Two classes on a line through the origin; in the target the line is turned by 70 degrees, the gap stays."""
    hits = {}
    for name in ("source_only", "self_training"):
        corpora = {n: domain(n, slices=160, frames=2, labelled=n == "a", seed=seed) for n, seed in (("a", 1), ("b", 2))}
        truth, generator = torch.arange(160) % 2, torch.Generator().manual_seed(3)
        for d, degrees in zip(corpora.values(), (0.0, 70.0), strict=True):
            angle = torch.deg2rad(torch.tensor(degrees)) + 0.3 * torch.randn(160, generator=generator)
            d.features.zero_()
            d.features[:, :2] = ((2.0 * truth - 1)[:, None] * torch.stack([angle.cos(), angle.sin()], 1))[..., None]
        training = {"epochs": 30, "batch_size": 40, "optimizer": {"name": "adam", "lr": 0.02, "weight_decay": 0.0}}
        strategy = attached(name, domains=corpora, recipe={**LINEAR, "training": training})
        train(strategy)
        batch = corpora["b"].batch(torch.arange(160))
        with torch.no_grad():
            guess = strategy.setting.model.eval()(batch.features, batch.lengths, "b").argmax(1)
        hits[name] = (guess == truth).float().mean().item()
    assert hits["source_only"] < 0.95 < hits["self_training"], hits


def test_what_cannot_be_is_refused(attached):
    with pytest.raises(RecipeError, match="all are labelled"):
        attached("self_training")
    with pytest.raises(RecipeError, match="share in"):
        attached("self_training", labelled=False, share=0.0)
