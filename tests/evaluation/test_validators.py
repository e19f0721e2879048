"""The table of criteria: what each is handed, and that nothing in it can be a target label."""

import math

import pytest
import torch

from transfer.evaluation.validators import CRITERIA, Evidence, Labelled, Unlabelled


def evidence(shift=0.0):
    """Return evidence of a source and a target of three classes."""
    generator = torch.Generator().manual_seed(0)

    def part(rows, offset=0.0):
        labels = torch.arange(rows) % 3
        features = torch.randn(rows, 4, generator=generator) + 3 * torch.eye(3, 4)[labels] + offset
        return features, features[:, :3], labels

    return Evidence(Unlabelled(*part(30, shift)[:2]), Labelled(*part(36)), Labelled(*part(24)))


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_every_criterion_gives_a_number_and_says_what_it_is(name):
    criterion = CRITERIA[name]
    assert math.isfinite(criterion.score(evidence()))
    assert criterion.function.__doc__
    assert "target" in criterion.needs
    assert criterion.needs <= set(Evidence._fields)


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_no_criterion_can_be_handed_a_target_label(name):
    assert "labels" not in Unlabelled._fields
    assert set(CRITERIA[name].inputs) <= {
        f"{part}.{field}"
        for part, kind in (("target", Unlabelled), ("source_train", Labelled), ("source_valid", Labelled))
        for field in kind._fields
    }


@pytest.mark.parametrize("name", ["domain_knn", "ist", "mmd"])
def test_a_target_far_away_scores_worse(name):
    criterion = CRITERIA[name]
    assert criterion.score(evidence()) > criterion.score(evidence(shift=torch.tensor([6.0, 0.0, 0.0, 0.0])))


def test_what_uses_decisions_of_the_source_asks_for_the_same_classes():
    asks = {name for name, criterion in CRITERIA.items() if criterion.same_classes}
    assert asks == {"dev", "nearest_source", "nearest_source_l2", "target_knn"}
