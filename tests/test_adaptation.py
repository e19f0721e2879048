"""What a run reports of its adaptation: gaps at each level, and warnings that reach the summary."""

import pytest
import torch

from transfer import run
from transfer.adaptation import gaps_by_level, warnings_of
from transfer.evaluation.monitor import Monitor
from transfer.keeper import Record

ALIGNED = Record("transfer", [{"monitor/alignment_gradient": 1.0}])
LEVELS = {"universal", "specific", "logits"}


def test_logits_are_compared_where_the_classes_are_the_same(attached, domain):
    assert set(gaps_by_level(attached("mmd"))) == LEVELS
    corpora = {"a": domain("a", classes=("x", "z")), "b": domain("b", frames=56, seed=2)}
    assert set(gaps_by_level(attached("joint", shared=False, domains=corpora))) == LEVELS - {"logits"}


@pytest.mark.parametrize("labelled", [True, False])
def test_shifted_class_priors_are_told_by_what_the_recipe_allows(labelled, attached, domain, monkeypatch):
    corpora = {
        "a": domain("a", slices=80, seed=1),
        "b": domain("b", slices=80, frames=56, seed=2, labelled=labelled),
    }
    if labelled:
        corpora["b"].labels[corpora["b"].pools["labelled"]] = 0
    strategy = attached("mmd", domains=corpora)
    model = strategy.setting.model

    def decide(features, lengths, corpus):
        first = torch.arange(len(features)) % 2 if corpus == "a" else torch.zeros(len(features), dtype=torch.int64)
        return {"logits": torch.eye(2)[first]}

    monkeypatch.setattr(model, "embed", decide)
    (found,) = warnings_of(strategy, ALIGNED, {"after": None}, Monitor(strategy))
    assert "class priors of source and target differ (total variation 0.50" in found
    assert ("by the labels that training used" in found) is labelled
    assert ("by predictions on both" in found) is not labelled
    assert warnings_of(strategy, Record("transfer", [{}]), {"after": None}, Monitor(strategy)) == [], (
        "nothing is aligned"
    )


def test_a_run_writes_figures_and_warnings_and_can_do_without(tiny, tmp_path):
    words = ["tracking.kind=none", "strategy.weight=100000", "strategy.schedule=constant", "training.epochs=3"]
    summary = run(tiny, words, synthetic=True, out=tmp_path / "a")
    text = (tmp_path / "a" / "history.json").read_text()
    assert "monitor/gradient_ratio" in text
    assert summary["warnings"] == [], "one look at the gradients in so short a run: nothing is judged"
    summary = run(tiny, [*words, "training.monitor=false"], synthetic=True, out=tmp_path / "b")
    assert "monitor/" not in (tmp_path / "b" / "history.json").read_text()
    assert summary["warnings"] == []
