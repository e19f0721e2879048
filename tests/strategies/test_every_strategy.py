"""One contract for all strategies of the table."""

import math

import pytest
import torch

from transfer.data.domain import HIDDEN
from transfer.errors import RecipeError
from transfer.strategies import STRATEGIES

OPTIONS = {
    "pytorch_adapt": {"hook": "DANNHook"},
    "alignment": {"losses": [{"name": "mmd"}, {"name": "dann", "weight": 0.3}]},
    "ddg": {"every": 1, "steps": 2},
    "ae": {"every": 1, "steps": 2},
}
PRETRAINS = {name: {"pretraining": {"epochs": 1}} for name, cls in STRATEGIES.items() if cls.pretrains}
UNSUPERVISED = sorted(name for name, cls in STRATEGIES.items() if not cls.needs_target_labels)


@pytest.fixture
def build(attached, domain):
    """Return a factory of strategies with what each needs; those of unlabelled slices are shown half the target's labels."""

    def make(name, **more):
        if name in ("semi", "self_training") and not {"labelled", "domains"} & set(more):
            more["domains"] = {"a": domain("a", seed=1), "b": few(domain("b", frames=56, seed=2))}
        return attached(name, recipe=PRETRAINS.get(name), **OPTIONS.get(name, {}), **more)

    return make


def few(target):
    """Withhold half the labels."""
    target.pools["labelled"] = target.pools["labelled"][:8]
    target.labels[8:] = HIDDEN
    return target


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_trains_with_target_labels_and_names_its_terms(name, build, train):
    records = train(build(name))
    assert [len(r.epochs) for r in records] == ([1, 2] if name in PRETRAINS else [2])
    last = records[-1].epochs[-1]
    assert all(math.isfinite(v) for v in last.values())
    assert any("task" in key for key in last)
    assert all("/" in key or key == "lr" for key in last)


@pytest.mark.parametrize("name", UNSUPERVISED)
def test_trains_without_any_target_label(name, build, train):
    strategy = build(name, labelled=False)
    assert not strategy.setting.supervised
    last = train(strategy)[-1].epochs[-1]
    assert not any(key.endswith("task_b") for key in last), "no term may be the target's task"


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - set(UNSUPERVISED)))
def test_refuses_to_learn_from_labels_that_are_withheld(name, build):
    with pytest.raises(RecipeError, match="target labels"):
        build(name, labelled=False)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_two_runs_with_one_seed_end_in_identical_weights(name, build, train):
    first, second = build(name), build(name)
    for strategy in (first, second):
        torch.manual_seed(5)
        train(strategy)
    for (key, a), b in zip(
        first.setting.model.state_dict().items(), second.setting.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), key


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_withheld_labels_cannot_change_anything(name, build, train, domain):
    """Labels outside the labelled pool are masked in what a strategy is handed; two truths, one result."""
    weights = []
    for flip in (False, True):
        corpora = {"a": domain("a", seed=1), "b": few(domain("b", frames=56, seed=2))}
        hidden = corpora["b"].labels < 0
        assert hidden.any()
        if flip:
            corpora["b"].table.loc[hidden.numpy(), "label"] = "x"
        torch.manual_seed(5)
        strategy = build(name, domains=corpora)
        train(strategy)
        weights.append(strategy.setting.model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_every_strategy_that_pretrains_says_so_when_it_cannot(attached):
    for name in PRETRAINS:
        with pytest.raises(RecipeError, match=r"pretraining\.epochs"):
            attached(name, **OPTIONS.get(name, {}))


def test_two_sources_are_trained_and_aligned(build, train, domain):
    corpora = {"a": domain("a", seed=1), "c": domain("c", seed=3), "b": domain("b", frames=56, seed=2)}
    for name in ("source_only", "joint", "mmd", "ddg"):
        last = train(build(name, domains=corpora))[-1].epochs[-1]
        assert all(math.isfinite(v) for v in last.values()), name
