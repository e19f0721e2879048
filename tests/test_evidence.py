"""What criteria are handed: rows that may be heard, outputs of the model as it is, and no target label."""

import dataclasses

import pytest
import torch

from transfer.evaluation.validators import CRITERIA
from transfer.evidence import MOST_ROWS, _sample, gather, unlabelled_rows

ALL = {"target", "source_train", "source_valid"}


def test_target_rows_are_heard_and_their_labels_unused(domain):
    inductive = domain("b", labelled=True)
    rows = unlabelled_rows(inductive)
    assert rows.tolist() == inductive.pools["valid"].tolist(), "training rows are labelled; test rows are not heard"
    unlabelled = domain("b", labelled=False)
    assert unlabelled_rows(unlabelled).tolist() == list(range(24)), "training and validation rows"
    assert not set(unlabelled_rows(unlabelled).tolist()) & set(unlabelled.pools["test"].tolist())
    transductive = dataclasses.replace(
        unlabelled, pools={**unlabelled.pools, "any": torch.arange(32), "valid": torch.arange(0)}
    )
    assert unlabelled_rows(transductive).tolist() == list(range(32))


def test_outputs_are_those_of_the_model_and_source_labels_are_the_truth(attached):
    strategy = attached("source_only")
    model, domains = strategy.setting.model.train(), strategy.setting.domains
    found = gather(model, domains, ["a"], "b", ALL)
    assert model.training
    model.eval()
    rows = unlabelled_rows(domains["b"])
    batch = domains["b"].batch(rows)
    torch.testing.assert_close(found.target.logits, model(batch.features, batch.lengths, "b").detach())
    torch.testing.assert_close(model.head("b").classifier(found.target.features).detach(), found.target.logits)
    assert found.source_train.labels.tolist() == [i % 2 for i in range(16)]
    assert found.source_valid.labels.tolist() == [i % 2 for i in range(16, 24)], "hidden from training, not from this"


def test_only_what_is_needed_is_computed(attached):
    strategy = attached("source_only")
    found = gather(strategy.setting.model, strategy.setting.domains, ["a"], "b", {"target"})
    assert len(found.source_train.logits) == len(found.source_valid.logits) == 0


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_the_truth_of_the_target_changes_no_criterion(name, attached, domain):
    scores = []
    for flipped in (False, True):
        corpora = {"a": domain("a", seed=1), "b": domain("b", frames=56, seed=2, labelled=False)}
        if flipped:
            corpora["b"].table["label"] = "x"
        strategy = attached("source_only", domains=corpora)
        criterion = CRITERIA[name]
        scores.append(criterion.score(gather(strategy.setting.model, corpora, ["a"], "b", criterion.needs)))
    assert scores[0] == scores[1]


def test_sources_of_the_targets_classes_are_pooled_and_others_left_out(attached, domain):
    corpora = {
        "a": domain("a", classes=("x", "y", "z")),
        "c": domain("c", slices=16),
        "d": domain("d"),
        "b": domain("b", labelled=True),
    }
    strategy = attached("joint", shared=False, domains=corpora)
    found = gather(strategy.setting.model, corpora, ["a", "c", "d"], "b", ALL)
    assert len(found.source_train.labels) == 8 + 16
    assert len(gather(strategy.setting.model, corpora, ["a"], "b", ALL).source_train.labels) == 16, "the only one"


def test_large_parts_are_sampled_alike_at_every_call():
    rows = torch.arange(5000)
    assert len(_sample(rows)) == MOST_ROWS
    assert torch.equal(_sample(rows), _sample(rows))
    assert torch.equal(_sample(rows[:MOST_ROWS]), rows[:MOST_ROWS])
