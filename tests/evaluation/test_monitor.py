"""The monitor sees what training sees and changes nothing; its warnings answer to planted situations."""

import pytest
import torch

from transfer.device import build_fabric
from transfer.evaluation.alignment_warnings import alignment_warnings, prior_warning, total_variation
from transfer.evaluation.monitor import Monitor, gradient_norm
from transfer.loop import fit
from transfer.recipe import Compute

SETTINGS = {"training": {"epochs": 3, "batch_size": 8, "clip_gradient": None}}
APART = {"before": None, "after": {"universal": {"a_distance": 1.6}, "specific": {"a_distance": 0.2}}}
NONE = {"before": None, "after": None}


def monitored(strategy, *, watched=True, seed=0, every=1):
    """Train the transfer stage; return the record and the monitor."""
    fabric, stage = build_fabric(Compute(accelerator="cpu")), strategy.stages()[-1]
    monitor = Monitor(strategy, every=every) if watched else None
    strategy.begin(stage.name)
    record = fit(
        monitor.watch(stage) if monitor else stage,
        strategy,
        strategy.setting.domains,
        fabric,
        seed=seed,
        score=None,
        observe=monitor.epoch if monitor else dict,
    )
    return record, monitor


@pytest.mark.parametrize("name", ["dann", "cdan", "ddg", "joint"])
def test_a_monitored_run_ends_in_the_very_weights_of_one_that_is_not(name, attached):
    weights = []
    for watched in (True, False):
        options = {"every": 1, "steps": 2} if name == "ddg" else {}
        options |= {"losses": [{"name": "cdan", "dropout": 0.3}]} if name == "cdan" else {}
        strategy = attached("alignment" if name == "cdan" else name, recipe=SETTINGS, **options)
        torch.manual_seed(3)
        monitored(strategy, watched=watched)
        weights.append(strategy.state_dict() | strategy.setting.model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("dann", {"domain_accuracy", "task_gradient", "alignment_gradient", "gradient_ratio"}),
        ("mmd", {"task_gradient", "alignment_gradient", "gradient_ratio"}),
        ("joint", {"task_gradient"}),
    ],
)
def test_every_epoch_has_the_figures_that_the_strategy_gives_rise_to(name, figures, attached):
    record, _ = monitored(attached(name, recipe=SETTINGS))
    for values in record.epochs:
        assert {key.removeprefix("monitor/") for key in values if key.startswith("monitor/")} == figures


def test_ddg_is_measured_in_both_of_its_phases_and_only_where_they_run(attached):
    record, _ = monitored(attached("ddg", recipe=SETTINGS, every=2, steps=2))
    assert ["monitor/alignment_gradient" in values for values in record.epochs] == [False, True, False]
    assert all("monitor/task_gradient" in values for values in record.epochs)


def test_gradient_norms_are_those_of_the_weighted_terms_at_the_extractor(attached):
    strategy = attached("mmd", recipe=SETTINGS, weight=3.0, schedule="constant")
    stage, monitor = strategy.stages()[-1], Monitor(strategy)
    strategy.setting.model.eval()  # no dropout: two passes are one
    (phase,), (plain,) = monitor.watch(stage).phases(0), stage.phases(0)
    batches = [strategy.setting.domains[d.corpus].batch(torch.arange(8)) for d in phase.draws]
    phase.terms(batches, 0.5)
    figures = monitor.epoch()
    parameters = list(strategy.setting.model.extractor.parameters())
    for kind, wanted in (("task", True), ("alignment", False)):
        strategy.zero_grad()
        strategy.setting.model.zero_grad()
        terms = plain.terms(batches, 0.5)
        sum(plain.weight(n, 0.5) * t for n, t in terms.items() if n.startswith("task") is wanted).backward()
        norm = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm().item()
        assert figures[f"monitor/{kind}_gradient"] == pytest.approx(norm, rel=1e-4)
    assert monitor.epoch() == {}, "each epoch begins anew"


def test_accuracy_is_the_discriminators_on_the_batches_before_their_step(attached):
    strategy = attached("dann", recipe=SETTINGS)
    record, _ = monitored(strategy)
    assert all(0 <= values["monitor/domain_accuracy"] <= 1 for values in record.epochs)
    dann = next(m for m in strategy.modules() if hasattr(m, "accuracy"))
    monitor = Monitor(strategy)
    dann.train()
    source, target = torch.randn(6, 13), torch.randn(4, 13)
    expected = dann.accuracy(source, target)
    dann(source, target, strength=0.1)
    with torch.no_grad():
        dann(source, source)
    assert monitor.epoch() == {"monitor/domain_accuracy": expected}


def test_a_gradient_that_reaches_nothing_is_zero():
    w, other = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    assert gradient_norm([(w * w).sum()], [other]) == 0
    assert gradient_norm([], [w]) == 0


def test_gradients_are_looked_at_now_and_then(attached):
    record, _ = monitored(attached("mmd", recipe=SETTINGS), every=4)  # two steps an epoch
    assert ["monitor/task_gradient" in values for values in record.epochs] == [True, False, True]
    record, _ = monitored(attached("ddg", recipe=SETTINGS, every=1, steps=2), every=4)
    assert ["monitor/gradient_ratio" in values for values in record.epochs] == [True, True, True]


def test_an_alignment_that_weighs_nothing_has_vanished(attached):
    record, _ = monitored(attached("mmd", recipe=SETTINGS, weight=1e-6, schedule="constant"))
    assert any("gradient vanished" in words for words in alignment_warnings(record.epochs, NONE))


def test_a_discriminator_with_a_large_rate_and_plain_domains_wins(attached):
    strategy = attached(
        "dann",
        recipe={"training": {"epochs": 9, "batch_size": 8, "rates": {"align*": "x10"}}},
    )
    dann = next(m for m in strategy.modules() if hasattr(m, "accuracy"))
    dann.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "target": kwargs["target"] + 3}), with_kwargs=True
    )
    record, monitor = monitored(strategy)
    found = alignment_warnings(record.epochs, NONE, monitor.negative)
    assert any("discriminator won" in words for words in found), record.epochs[-1]


def test_a_discriminator_that_sees_constant_features_collapses(attached):
    strategy = attached("dann", recipe=SETTINGS)
    dann = next(m for m in strategy.modules() if hasattr(m, "accuracy"))
    dann.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {k: 0 * v if torch.is_tensor(v) else v for k, v in kwargs.items()}),
        with_kwargs=True,
    )
    record, _ = monitored(strategy)
    assert [values["monitor/domain_accuracy"] for values in record.epochs] == [0.5] * 3
    assert any("collapsed" in words for words in alignment_warnings(record.epochs, APART))
    assert not alignment_warnings([{"monitor/domain_accuracy": 0.5}] * 9, NONE), "nothing says that they lie apart"


def test_an_alignment_that_drowns_the_task_is_told(attached):
    record, _ = monitored(attached("mmd", recipe=SETTINGS, weight=1e4, schedule="constant"))
    assert any("dominates" in words for words in alignment_warnings(record.epochs, NONE))
    quiet, _ = monitored(attached("mmd", recipe=SETTINGS, weight=0.5, schedule="constant"))
    assert alignment_warnings(quiet.epochs, NONE) == []


def test_a_negative_weight_is_told(attached, monkeypatch):
    strategy = attached("joint", recipe=SETTINGS)
    monkeypatch.setattr(strategy, "source_weight", -0.5)
    record, monitor = monitored(strategy)
    assert any(
        "task_a has a negative weight" in words for words in alignment_warnings(record.epochs, NONE, monitor.negative)
    )


@pytest.mark.parametrize(
    ("accuracies", "word"),
    [
        ([0.6] * 6 + [0.96] * 3, "won"),
        ([0.6] * 6 + [0.96, 0.96, 0.94], None),
        ([0.99] * 8 + [0.7], None),
        ([0.52, 0.48] * 4, "collapsed"),
        ([0.8] + [0.5] * 8, None),
        ([0.99] * 2, None),
    ],
)
def test_the_discriminator_is_judged_by_the_last_third_and_by_all_epochs(accuracies, word):
    found = alignment_warnings([{"monitor/domain_accuracy": a} for a in accuracies], APART)
    assert len(found) == (word is not None)
    assert word is None or word in found[0]


def test_a_ramp_that_starts_at_zero_is_no_vanished_gradient():
    ratios = [0.0, 1e-5, 0.01, 0.1, 0.3, 0.5]
    assert not alignment_warnings([{"monitor/gradient_ratio": r} for r in ratios], NONE)
    assert "vanished" in alignment_warnings([{"monitor/gradient_ratio": r} for r in reversed(ratios)], NONE)[0]


def test_shifted_priors_are_told_by_labels_or_else_by_predictions_on_both():
    even, skewed, few = torch.arange(90) % 3, torch.zeros(90).long(), torch.zeros(5).long()
    assert "by the labels" in prior_warning((even, skewed), lambda: (even, even), 3)[0]
    assert "by predictions" in prior_warning((even, few), lambda: (even, skewed), 3)[0]
    assert prior_warning((even, few), lambda: (skewed, skewed), 3) == [], "a class preferred everywhere is no shift"
    assert prior_warning((even, even), lambda: (even, skewed), 3) == []
    assert prior_warning((few, few), lambda: (few, few), 3) == [], "too few to say"


def test_total_variation_is_half_the_sum_of_differences():
    p, q = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 2])
    assert total_variation(p, q, 3) == pytest.approx((0.75 + 0.25 + 0.5) / 2)
