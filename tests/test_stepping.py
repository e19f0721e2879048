"""A phase that steps itself is held to the loop's checks."""

import math

import pytest
import torch
from torch import nn

from transfer.device import build_fabric
from transfer.recipe import Compute
from transfer.stepping import Stepping


@pytest.fixture
def stepping():
    """Return a factory of a training step over two one-weight layers, each with an optimizer of its own."""

    def make(clip=None):
        fabric, layers = (
            build_fabric(Compute(accelerator="cpu")),
            nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in "ab"),
        )
        sgd = [fabric.setup_optimizers(torch.optim.SGD(layer.parameters(), lr=1.0)) for layer in layers]
        return layers, Stepping(fabric, layers, dict(zip("ab", sgd, strict=True)), clip)

    return make


def values(layers):
    return [layer.weight.item() for layer in layers]


def test_only_the_optimizer_that_steps_moves_its_layer(stepping):
    layers, own = stepping()
    before = values(layers)
    own.optimizers["a"].zero_grad()
    own.backward(sum(layer.weight.sum() for layer in layers))
    own.optimizers["a"].step()
    assert values(layers) == pytest.approx([before[0] - 1, before[1]])


def test_an_optimizer_is_pending_from_zero_grad_to_its_step(stepping):
    _, own = stepping()
    for optimizer in own.optimizers.values():
        optimizer.zero_grad()
    assert own.pending == {"a", "b"}
    own.optimizers["a"].step()
    assert own.pending == {"b"}


def test_zero_grad_forgets_the_gradient_of_its_own_layer(stepping):
    layers, own = stepping()
    own.backward(sum(layer.weight.sum() for layer in layers))
    own.optimizers["a"].zero_grad()
    assert layers[0].weight.grad is None
    assert layers[1].weight.grad is not None


def test_nothing_is_stepped_after_a_loss_that_is_not_finite(stepping):
    layers, own = stepping()
    before = values(layers)
    own.backward(sum(layer.weight.sum() for layer in layers))
    gradient = layers[0].weight.grad.clone()
    own.backward(layers[0].weight.sum() * math.inf)
    own.backward(layers[0].weight.sum())
    assert torch.equal(layers[0].weight.grad, gradient), "no gradient is added any more"
    for optimizer in own.optimizers.values():
        optimizer.step()
    assert values(layers) == before
    assert math.isinf(own.broken["loss"])


def test_a_gradient_that_is_not_finite_is_not_stepped_and_stops_the_next(stepping):
    layers, own = stepping()
    before = values(layers)
    own.backward(sum(layer.weight.sum() for layer in layers))
    layers[0].weight.grad.fill_(math.nan)
    for optimizer in own.optimizers.values():
        optimizer.step()
    assert values(layers) == before
    assert math.isnan(own.broken["gradient norm"])


def test_each_optimizers_gradient_is_clipped_by_itself(stepping):
    layers, own = stepping(clip=0.5)
    before = values(layers)
    own.backward(3 * layers[0].weight.sum() + 0.25 * layers[1].weight.sum())
    for optimizer in own.optimizers.values():
        optimizer.step()
    assert values(layers) == pytest.approx([before[0] - 0.5, before[1] - 0.25], abs=1e-5)
