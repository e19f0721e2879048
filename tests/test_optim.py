"""Learning rates by module."""

import pytest
import torch
from torch import nn

from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan, build_optimizer, parameter_groups
from transfer.recipe import Optimizer


def parameters():
    net = nn.ModuleDict(
        {
            "extractor": nn.ModuleDict({"prepare": nn.Linear(1, 1), "stack": nn.Linear(1, 1)}),
            "heads": nn.ModuleDict({"modma": nn.Linear(1, 1)}),
        }
    )
    return dict(net.named_parameters())


def rates(**options):
    plan = OptimizerPlan(Optimizer(lr=0.01), **options)
    groups = parameter_groups(parameters(), plan)
    return {group["lr"]: len(group["params"]) for group in groups}


def test_a_factor_a_rate_and_a_glob_each_find_their_modules():
    assert rates() == {0.01: 6}
    assert rates(rates={"extractor": "x0.1"}) == {0.001: 4, 0.01: 2}
    assert rates(rates={"extractor": "x0.1", "extractor.prepare": "0.5"}) == {0.5: 2, 0.001: 2, 0.01: 2}
    assert rates(rates={"*.modma": "0.2"}) == {0.01: 4, 0.2: 2}


def test_a_name_that_matches_nothing_lists_the_names_there_are():
    with pytest.raises(RecipeError, match=r"'extractor\.prepar'.*did you mean 'extractor\.prepare'.*heads\.modma"):
        rates(rates={"extractor.prepar": "x0.1"})


def test_an_optimizer_drives_only_its_modules():
    assert rates(modules=("heads.modma",)) == {0.01: 2}


@pytest.mark.parametrize(
    ("name", "cls"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_the_optimizer_is_the_one_named(name, cls):
    optimizer = build_optimizer(
        parameters(), OptimizerPlan(Optimizer(name=name, lr=0.1, betas=(0.93, 0.98), weight_decay=0.2))
    )
    assert type(optimizer) is cls
    assert optimizer.param_groups[0]["weight_decay"] == 0.2
