"""Criteria that compare target and source: as pytorch-adapt has them, and what planted situations must give."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import norm

from losses import MMD
from transfer.evaluation.source_validators import (
    control_variate_risk,
    deep_embedded,
    density_ratio,
    discrepancy,
    domain_neighbours,
    neighbourhood_mixing,
    source_neighbours,
    source_neighbours_l2,
    target_neighbours,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns of its own dependencies
    theirs = pytest.importorskip("pytorch_adapt.validators")
    from pytorch_adapt.validators.deep_embedded_validator import get_dev_risk
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.inference import CustomKNN


def part(rows, seed, shift=0.0, classes=3):
    """Return the outputs on a part, under the names of pytorch-adapt."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 4, generator=generator) + shift
    logits = torch.randn(rows, classes, generator=generator)
    labels = torch.randint(0, classes, (rows,), generator=generator)
    labels[:classes] = torch.arange(classes)
    return {
        "features": features,
        "logits": logits,
        "preds": logits.softmax(1),
        "labels": labels,
        "domain": torch.full((rows,), int(seed == 2)),
    }


TRAIN, VALID, TARGET = part(50, 0), part(40, 1), part(45, 2, shift=0.5)
EUCLIDEAN = CustomKNN(LpDistance(normalize_embeddings=False))


def test_mixing_of_neighbourhoods_is_pytorch_adapts_with_the_sign_that_makes_mixed_domains_better():
    expected = theirs.ISTValidator()(src_train=TRAIN, target_train=TARGET)
    assert neighbourhood_mixing(TRAIN["features"], TARGET["features"]) == pytest.approx(-float(expected), abs=1e-6)
    apart = neighbourhood_mixing(torch.eye(2)[[0] * 30], -torch.eye(2)[[0] * 30])
    assert apart < neighbourhood_mixing(TRAIN["features"], TARGET["features"]) < 0


def test_domain_neighbours_are_those_of_pytorch_adapt():
    expected = theirs.KNNValidator(knn_func=EUCLIDEAN)(src_train=TRAIN, target_train=TARGET)
    assert domain_neighbours(TRAIN["features"], TARGET["features"]) == pytest.approx(float(expected), abs=1e-6)


def test_target_neighbours_are_those_of_pytorch_adapt():
    expected = theirs.TargetKNNValidator(knn_func=EUCLIDEAN)(src_train=TRAIN, target_train=TARGET)
    found = target_neighbours(TRAIN["features"], TRAIN["labels"], TARGET["features"], TARGET["logits"])
    assert found == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("own", "name"), [(source_neighbours, "NearestSourceValidator"), (source_neighbours_l2, "NearestSourceL2Validator")]
)
def test_source_neighbours_are_those_of_pytorch_adapt(own, name):
    expected = getattr(theirs, name)()(src_val=VALID, target_train=TARGET)
    assert own(VALID["logits"], VALID["labels"], TARGET["logits"]) == pytest.approx(float(expected), abs=1e-5)


def test_discrepancy_is_that_of_the_losses_and_ranks_as_pytorch_adapt_does():
    source = TRAIN["features"].double()
    assert discrepancy(TRAIN["features"], TARGET["features"]) == pytest.approx(
        -float(MMD()(source, TARGET["features"].double())), rel=1e-9
    )
    reference = theirs.MMDValidator(mmd_kwargs={"mmd_type": "quadratic"})
    shifted = [TRAIN["features"] + shift for shift in (0.1, 0.5, 1.0, 3.0)]
    own = [discrepancy(TRAIN["features"], x) for x in shifted]
    other = [float(reference(src_train=TRAIN, target_train={"features": x})) for x in shifted]
    assert own == sorted(own, reverse=True)
    assert other == sorted(other, reverse=True)


def test_the_risk_with_control_variate_is_that_of_pytorch_adapt():
    rng = np.random.default_rng(0)
    weights, losses = rng.lognormal(size=60), rng.exponential(size=60)
    expected = get_dev_risk(torch.tensor(weights)[:, None], torch.tensor(losses)[:, None], None)
    assert control_variate_risk(weights, losses) == pytest.approx(float(expected), rel=1e-9)
    assert control_variate_risk(np.ones(60), losses) == pytest.approx(losses.mean()), "weights that are all alike"


def test_the_density_ratio_is_that_of_two_gaussians():
    rng = torch.Generator().manual_seed(0)
    source, target = torch.randn(4000, 1, generator=rng), torch.randn(2000, 1, generator=rng) + 1
    where = torch.linspace(-1.5, 2.5, 9)[:, None]
    x = where.numpy().ravel()
    expected = norm.pdf(x, 1) / norm.pdf(x)
    np.testing.assert_allclose(density_ratio(source, where, target), expected, rtol=0.2)


def test_deep_embedded_validation_estimates_the_risk_where_the_target_lies():
    """The model is right for x > 0 and wrong for x < 0; a target at x > 0 has a small risk, whatever the source's is."""
    x = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    logits = torch.cat([4 * x.sign(), -4 * x.sign()], 1)
    labels = torch.zeros(2000, dtype=torch.int64)
    target = 0.5 * torch.randn(2000, 1, generator=torch.Generator().manual_seed(1))
    right, wrong = (deep_embedded(x, x, target + shift, logits, labels) for shift in (1.5, -1.5))
    assert right > -1.5
    assert wrong < -5
    true = torch.nn.functional.cross_entropy(logits, labels).item()
    assert deep_embedded(x, x, x, logits, labels) == pytest.approx(-true, rel=0.05), "no shift, the plain risk"
