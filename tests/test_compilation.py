"""A compiled model is the same model: its names, its weights, its numbers within rounding."""

import os

import pytest
import torch

from transfer.compilation import compile_model, compile_seconds

SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes of compiling; set TRANSFER_SLOW=1")


@pytest.mark.slow
@SLOW
def test_compiling_changes_no_name_and_no_weight(attached):
    model = attached("scratch").setting.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    compile_model(model, True)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in after)


@pytest.mark.slow
@SLOW
@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_a_compiled_run_trains_as_one_that_is_not_and_says_how_long_compiling_took(attached, train):
    losses = []
    before = compile_seconds()
    for how in (False, True):
        strategy = attached("mmd", recipe={"training": {"epochs": 1, "batch_size": 8}})
        compile_model(strategy.setting.model, how)
        (record,) = train(strategy)
        losses.append(record.epochs[-1]["adapt/loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.02), "dropout draws other numbers"
    assert compile_seconds() > before
