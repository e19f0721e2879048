"""CDAN: maps against einsum, weights against scipy, and what the gradient reaches."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from losses import CDAN
from losses.adversarial import domain_cross_entropy
from losses.cdan import entropy_weight, multilinear_map, randomised_map


def sample(n=5, m=4, d=6, classes=3):
    torch.manual_seed(0)
    features = torch.randn(n, d, dtype=torch.float64), torch.randn(m, d, dtype=torch.float64)
    return *features, torch.randn(n, classes, dtype=torch.float64), torch.randn(m, classes, dtype=torch.float64)


def test_multilinear_map_is_the_outer_product():
    f, g = torch.randn(4, 3), torch.rand(4, 2)
    torch.testing.assert_close(multilinear_map(f, g), torch.einsum("nd,nk->ndk", f, g).reshape(4, 6))


def test_inner_products_of_the_randomised_map_estimate_those_of_the_multilinear():
    torch.manual_seed(0)
    f, g = torch.randn(5, 3), torch.rand(5, 2)
    random = randomised_map(f, g, torch.randn(3, 200_000), torch.randn(2, 200_000))
    exact = multilinear_map(f, g)
    torch.testing.assert_close(random @ random.T, exact @ exact.T, rtol=0.05, atol=0.05)


def test_entropy_weight_is_that_of_scipy():
    logits = torch.randn(6, 4, dtype=torch.float64)
    expected = 1 + np.exp(-scipy_entropy(softmax(logits.numpy(), 1), axis=1))
    np.testing.assert_allclose(entropy_weight(logits), expected)


@pytest.mark.parametrize("random_products", [0, 8])
@pytest.mark.parametrize("entropy_weighting", [False, True])
def test_value_and_both_gradients_are_those_of_the_definition(random_products, entropy_weighting):
    source, target, source_logits, target_logits = sample()
    cdan = CDAN(6, 3, hidden=8, random_products=random_products, entropy_weighting=entropy_weighting).double()
    source.requires_grad_()

    def mapped(features, logits):
        p = logits.softmax(1)
        return randomised_map(features, p, cdan.f_map, cdan.g_map) if random_products else multilinear_map(features, p)

    weights = {}
    if entropy_weighting:
        weights = {"source_weight": entropy_weight(source_logits), "target_weight": entropy_weight(target_logits)}
    scores = cdan.discriminator(mapped(source, source_logits)), cdan.discriminator(mapped(target, target_logits))
    plain = domain_cross_entropy(*scores, **weights)
    value = cdan(source, target, source_logits, target_logits, strength=0.3)
    torch.testing.assert_close(value, plain)
    weight = cdan.discriminator.score.weight
    grads = torch.autograd.grad(value, (source, weight)), torch.autograd.grad(plain, (source, weight))
    torch.testing.assert_close(grads[0][0], -0.3 * grads[1][0])
    torch.testing.assert_close(grads[0][1], grads[1][1])


def test_predictions_are_constants_in_the_gradient():
    source, target, source_logits, target_logits = sample()
    logits = source_logits.requires_grad_()
    value = CDAN(6, 3).double()(source.requires_grad_(), target, logits, target_logits)
    assert torch.autograd.grad(value, logits, allow_unused=True) == (None,)


def test_random_products_take_over_where_there_would_be_too_many():
    assert CDAN(1000, 4).f_map is None
    large = CDAN(1025, 4)
    assert large.f_map.shape == (1025, 1024)
    assert {"f_map", "g_map"} <= set(large.state_dict())


def test_accuracy_sees_predictions_where_features_say_nothing():
    torch.manual_seed(0)
    cdan = CDAN(2, 2, hidden=16)
    optimizer = torch.optim.Adam(cdan.parameters(), lr=0.05)
    batch = torch.ones(8, 2), torch.ones(6, 2), torch.tensor([[4.0, 0.0]] * 8), torch.tensor([[0.0, 4.0]] * 6)
    for _ in range(30):
        optimizer.zero_grad()
        cdan(*batch).backward()
        optimizer.step()
    assert cdan.accuracy(*batch) == 1.0


def test_logits_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="rows of logits"):
        CDAN(6, 3)(torch.rand(4, 6), torch.rand(4, 6), torch.rand(3, 3), torch.rand(4, 3))
    for options in ({"classes": 1}, {"classes": 3, "random_products": -1}, {"classes": 3, "label_smoothing": 1.5}):
        with pytest.raises(ValueError, match="expected"):
            CDAN(6, **options)
