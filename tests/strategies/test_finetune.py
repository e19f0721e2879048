"""Frozen means frozen; finetuning moves the extractor less than the head."""

import torch
from torch import nn

from transfer.loop import freeze
from transfer.strategies.finetune import layers

PRETRAIN = {"pretraining": {"epochs": 1}}


def after_pretraining(strategy, train):
    """Train the stages one by one; return the state between them and after."""
    stages, states = strategy.stages(), []
    strategy.stages = lambda: stages[:1]
    train(strategy)
    states.append({k: v.clone() for k, v in strategy.setting.model.state_dict().items()})
    strategy.stages = lambda: stages[1:]
    train(strategy)
    states.append(strategy.setting.model.state_dict())
    return states


def test_freeze_leaves_parameters_and_batch_statistics_of_the_extractor_bit_identical(attached, train):
    for statistics in ("shared", "corpus"):
        strategy = attached("freeze", shared=False, recipe={**PRETRAIN, "batch_statistics": statistics})
        before, after = after_pretraining(strategy, train)
        own = [key for key in before if key.startswith("extractor.")]
        assert any("running_mean" in key for key in own)
        assert all(torch.equal(before[key], after[key]) for key in own), statistics
        assert not torch.equal(before["heads.b.classifier.weight"], after["heads.b.classifier.weight"])


def test_freeze_takes_no_gradient_and_no_dropout(attached):
    strategy = attached("freeze", shared=False, recipe=PRETRAIN)
    freeze(strategy.setting.model, strategy, strategy.frozen(0))
    model = strategy.setting.model
    assert not any(p.requires_grad for p in model.extractor.parameters())
    assert not any(m.training for m in model.extractor.modules())
    assert all(m.training for m in model.head("b").modules())


def test_finetune_moves_the_extractor_less_than_the_head(attached, train):
    strategy = attached("finetune", shared=False, recipe=PRETRAIN)
    before, after = after_pretraining(strategy, train)

    def moved(prefix):
        keys = [k for k, v in before.items() if k.startswith(prefix) and k.endswith("weight") and v.ndim > 1]
        return sum((after[k] - before[k]).norm() for k in keys) / sum(before[k].norm() for k in keys)

    assert 0 < moved("extractor.") < moved("heads.b.") / 3


def test_layer_decay_gives_deeper_layers_smaller_rates(attached):
    strategy = attached("finetune", shared=False, recipe=PRETRAIN, factor=0.1, layer_decay=0.5)
    rates = strategy.optimizers()["main"].rates
    names = layers(strategy.setting.model.extractor, "extractor")
    factors = [float(rates[name][1:]) for name in names]
    assert factors == sorted(factors)
    assert factors[-1] == 0.1
    assert factors[0] == 0.1 * 0.5 ** (len(names) - 1)


def test_a_rate_of_the_recipe_wins_over_the_strategy(attached):
    strategy = attached("finetune", recipe={**PRETRAIN, "training": {"epochs": 1, "rates": {"extractor": 0.05}}})
    assert list(strategy.optimizers()["main"].rates.items())[-1] == ("extractor", "0.05")


def test_gradual_unfreezing_frees_one_layer_at_a_time_from_the_output_down(attached):
    strategy = attached("finetune", recipe=PRETRAIN, unfreeze_every=2)
    names = layers(strategy.setting.model.extractor, "extractor")
    assert strategy.frozen(0) == tuple(names)
    assert strategy.frozen(2) == tuple(names[:-1])
    assert strategy.frozen(2 * len(names)) == ()


def test_layers_cover_every_parameter_once():
    net = nn.ModuleDict(
        {"first": nn.Linear(2, 2), "stack": nn.Sequential(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]))}
    )
    names = layers(net, "extractor")
    assert [sum(f"extractor.{p}".startswith(f"{n}.") for n in names) for p, _ in net.named_parameters()] == [1] * 6
