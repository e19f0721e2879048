"""DANN: value against numpy, gradients of the two players, accuracy, and a game that is won."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

from losses import DANN, DomainDiscriminator
from losses.adversarial import domain_accuracy, domain_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_that_of_the_formula_and_domains_have_the_same_say(smoothing, weighted):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=3), rng.normal(size=11)
    v, w = (rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 11)) if weighted else (np.ones(3), np.ones(11))

    def h(q, scores):
        p = expit(scores)
        return -q * np.log(p) - (1 - q) * np.log(1 - p)

    expected = np.average(h(1 - smoothing / 2, a), weights=v) / 2 + np.average(h(smoothing / 2, b), weights=w) / 2
    weights = {"source_weight": torch.tensor(v), "target_weight": torch.tensor(w)} if weighted else {}
    value = domain_cross_entropy(torch.tensor(a), torch.tensor(b), label_smoothing=smoothing, **weights)
    assert value.item() == pytest.approx(expected)


def test_features_of_both_domains_are_pushed_against_what_the_discriminator_learns():
    torch.manual_seed(0)
    dann = DANN(4, hidden=8).double()
    source, target = torch.randn(5, 4).double().requires_grad_(), torch.randn(3, 4).double().requires_grad_()
    plain = domain_cross_entropy(dann.discriminator(source), dann.discriminator(target))
    value = dann(source, target, strength=0.3)
    torch.testing.assert_close(value, plain)
    for features in (source, target):
        torch.testing.assert_close(*_pair(value, plain, features, factor=-0.3))
    for parameter in dann.parameters():
        torch.testing.assert_close(*_pair(value, plain, parameter, factor=1.0))


def _pair(value, plain, tensor, factor):
    grads = [torch.autograd.grad(v, tensor, retain_graph=True)[0] for v in (value, plain)]
    return grads[0], factor * grads[1]


def test_discriminator_has_no_batch_statistics():
    kinds = {type(module) for module in DomainDiscriminator(4, dropout=0.1).modules()}
    assert kinds == {DomainDiscriminator, nn.Sequential, nn.Linear, nn.ReLU, nn.Dropout}
    discriminator, x = DomainDiscriminator(4), torch.rand(6, 4)
    torch.testing.assert_close(discriminator(x)[:1], discriminator(x[:1]))


def test_discriminator_has_the_layers_that_were_asked_for():
    widths = [
        (m.in_features, m.out_features)
        for m in DomainDiscriminator(5, hidden=7, layers=3).body
        if hasattr(m, "in_features")
    ]
    assert widths == [(5, 7), (7, 7), (7, 7)]


def test_discriminator_wins_where_domains_differ_and_learns_nothing_where_not():
    torch.manual_seed(0)
    dann = DANN(2, hidden=16)
    optimizer = torch.optim.Adam(dann.parameters(), lr=0.05)
    source, target = torch.randn(64, 2) + 2, torch.randn(32, 2) - 2
    assert dann(source, target).item() == pytest.approx(np.log(2), abs=0.5)
    for _ in range(40):
        optimizer.zero_grad()
        dann(source, target).backward()
        optimizer.step()
    assert dann(source, target) < 0.1
    assert dann.accuracy(source, target) > 0.95
    assert dann.accuracy(target, source) < 0.05
    assert dann.accuracy(source, source) == 0.5


def test_accuracy_is_balanced_and_leaves_mode_and_gradients_alone():
    dann = DANN(1, dropout=0.9).train()
    source, target = torch.ones(3, 1, requires_grad=True), torch.zeros(5, 1)
    values = {dann.accuracy(source, target) for _ in range(5)}
    assert len(values) == 1  # no dropout
    assert dann.training
    assert dann.discriminator.training
    scores = nn.Flatten(0)
    assert domain_accuracy(scores, torch.ones(1, 1), torch.ones(9, 1)) == 0.5
    assert domain_accuracy(scores, torch.ones(1, 1), -torch.ones(9, 1)) == 1.0
    assert domain_accuracy(scores, torch.ones(1, 1), torch.tensor([[1.0], [-1.0], [-1.0], [-1.0]])) == 0.875


def test_features_from_an_autocast_region_meet_float32_weights():
    dann = DANN(4)
    assert dann(torch.rand(3, 4).bfloat16(), torch.rand(3, 4).bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    "options", [{"hidden": 0}, {"layers": 0}, {"dropout": 1.0}, {"dropout": -0.1}, {"label_smoothing": 1.0}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*{next(iter(options.values()))}"):
        DANN(4, **options)
