"""Reptile and first-order MAML as their papers have them, fitted into the stage before finetuning."""

import math

import pytest
import torch
from torch import nn

from transfer.errors import RecipeError
from transfer.strategies.meta import pseudo_gradient

PRETRAIN = {"pretraining": {"epochs": 1}}


def meta_only(strategy):
    """Leave the finetuning out."""
    stages = strategy.stages()[:1]
    strategy.stages = lambda: stages
    return stages[0]


def linear_task(seed):
    """Return a linear regression and the losses of its batches."""
    generator = torch.Generator().manual_seed(seed)
    w = nn.Parameter(torch.randn(3, generator=generator))
    data = [(torch.randn(5, 3, generator=generator), torch.randn(5, generator=generator)) for _ in range(4)]
    return w, data, [lambda x=x, y=y: (x @ w - y).square().mean() for x, y in data]


def slope(w, x, y):
    """Return the gradient of the mean squared error in closed form."""
    return 2 * x.T @ (x @ w - y) / len(y)


@pytest.mark.parametrize("algorithm", ["reptile", "fomaml"])
def test_pseudo_gradient_is_that_of_the_inner_steps_written_out(algorithm):
    w, data, losses = linear_task(1)
    before, fast = w.detach().clone(), w.detach().clone()
    found, value = pseudo_gradient(losses, [w], algorithm=algorithm, lr=0.1)
    for x, y in data[:-1]:
        fast = fast - 0.1 * slope(fast, x, y)
    last = slope(fast, *data[-1])
    assert torch.allclose(found[0], last if algorithm == "fomaml" else before - (fast - 0.1 * last), atol=1e-5)
    assert value == pytest.approx(float((data[-1][0] @ fast - data[-1][1]).square().mean()), rel=1e-4)
    assert torch.equal(w, before)


def test_parameters_come_back_when_a_task_fails():
    w = nn.Parameter(torch.ones(2))

    def broken():
        raise ValueError("no batch")

    with pytest.raises(ValueError, match="no batch"):
        pseudo_gradient([lambda: w.sum(), broken], [w], algorithm="reptile", lr=1.0)
    assert w.tolist() == [1, 1]


def test_reptile_with_outer_rate_one_and_one_task_is_plain_sgd(attached, train):
    """phi <- phi - 1 * (phi - phi~) = phi~."""
    recipe = {"pretraining": {"epochs": 2}, "training": {"epochs": 1, "batch_size": 8, "clip_gradient": None}}
    strategy = attached("meta", shared=False, recipe=recipe, tasks=1, inner_steps=3, inner_lr=0.02)
    stage = meta_only(strategy)
    model, ends = strategy.setting.model, []
    adapted = strategy._adapted

    def spy(index):
        start = [p.detach().clone() for p in strategy.learned]
        gradient, value = adapted(index)
        ends.append([s - g for s, g in zip(start, gradient, strict=True)])
        return gradient, value

    strategy._adapted = spy
    train(strategy)
    assert len(ends) == 2 * stage.phases(0)[0].steps
    assert all(torch.allclose(p, e, atol=1e-6) for p, e in zip(strategy.learned, ends[-1], strict=True))
    assert any(not torch.equal(e, f) for e, f in zip(ends[0], ends[-1], strict=True))
    assert {id(p) for p in strategy.learned} == {
        id(p) for n, p in model.named_parameters() if n.startswith(("extractor.", "heads.a."))
    }


@pytest.mark.parametrize("algorithm", ["reptile", "fomaml"])
def test_meta_learning_lowers_the_loss_after_adaptation(algorithm, attached, train):
    recipe = {
        "pretraining": {"epochs": 15},
        "training": {"epochs": 1, "batch_size": 8, "schedule": {"name": "constant"}},
    }
    strategy = attached("meta", shared=False, recipe=recipe, algorithm=algorithm, inner_steps=2)
    meta_only(strategy)
    losses = [epoch["meta/task"] for epoch in train(strategy)[0].epochs]
    assert sum(losses[-3:]) < sum(losses[:3])


def test_it_does_not_move_the_targets_head(attached, train):
    strategy = attached("meta", shared=False, recipe=PRETRAIN)
    meta_only(strategy)
    before = {k: v.clone() for k, v in strategy.setting.model.named_parameters()}
    train(strategy)
    moved = {
        ".".join(k.split(".")[:2])
        for k, v in strategy.setting.model.named_parameters()
        if not torch.equal(v, before[k])
    }
    assert "heads.a" in moved
    assert "heads.b" not in moved


def test_tasks_are_the_speakers_of_one_corpus_and_the_corpora_of_several(attached, domain):
    one = attached("meta", recipe=PRETRAIN)
    table = one.setting.domains["a"].table
    assert [set(table["speaker"].iloc[t.rows.numpy()]) for t in one.tasks] == [{"s0"}, {"s1"}, {"s2"}, {"s3"}]
    assert (
        sorted(torch.cat([t.rows for t in one.tasks]).tolist()) == one.setting.domains["a"].pools["labelled"].tolist()
    )
    corpora = {"a": domain("a", seed=1), "c": domain("c", seed=3), "b": domain("b", seed=2)}
    assert [t.corpus for t in attached("meta", domains=corpora, recipe=PRETRAIN).tasks] == ["a", "c"]


def test_an_epoch_sees_the_source_about_once(attached):
    strategy = attached("meta", recipe=PRETRAIN, tasks=2, inner_steps=1)
    stage = meta_only(strategy)
    assert stage.phases(0)[0].steps == math.ceil(16 / (2 * 1 * 8))


def test_a_checkpoint_and_rates_that_cannot_be_are_refused(attached):
    with pytest.raises(RecipeError, match="its own start"):
        attached("meta", recipe={"pretraining": {"checkpoint": "runs/x"}})
    with pytest.raises(RecipeError, match="inner_lr"):
        attached("meta", recipe=PRETRAIN, inner_lr=0.0)
