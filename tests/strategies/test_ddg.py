"""DDG's alignment runs as defined."""

import pytest
import torch

from losses import WassersteinCritic
from losses.wasserstein_critic import gradient_penalty
from transfer.errors import RecipeError
from transfer.optim import parameter_groups


def test_alignment_comes_every_third_epoch_for_23_steps_with_its_own_sgd(attached):
    strategy = attached("ddg")
    plan = [[(p.name, p.steps, p.optimizer) for p in strategy.phases(epoch)] for epoch in range(6)]
    task = [("target", None, "main")]
    assert plan == [task, task, [*task, ("alignment", 23, "alignment")]] * 2
    settings = strategy.optimizers()["alignment"].settings
    assert settings.name == "sgd"
    assert dict(strategy.phases(2)[1].weights) == {"mmd": 0.8, "adversarial": 0.2}


def test_the_loop_takes_those_steps(attached, train, monkeypatch):
    strategy, steps = attached("ddg", recipe={"training": {"epochs": 3, "batch_size": 8}}), []
    align = strategy.align
    monkeypatch.setattr(
        strategy, "align", lambda batches, p: steps.append([len(b.labels) for b in batches]) or align(batches, p)
    )
    train(strategy)
    assert steps == [[8, 8]] * 23


def test_alignment_moves_extractor_hidden_networks_and_discriminator_but_no_head(attached, train):
    strategy = attached("ddg", every=1, steps=2)
    names = {**dict(strategy.setting.model.named_parameters()), **dict(strategy.named_parameters())}
    before = {name: p.detach().clone() for name, p in names.items()}
    only = strategy.phases(0)[1:]
    strategy.phases = lambda epoch: only
    train(strategy)
    moved = {name.split(".")[0] for name, p in names.items() if not torch.equal(p, before[name])}
    assert moved == {"extractor", "hidden", "discriminator"}


def gradients(strategy):
    """Return the gradients of one alignment step."""
    torch.manual_seed(3)
    phase = strategy.phases(strategy.every - 1)[-1]
    s = strategy.setting
    batches = [s.domains[d.corpus].batch(s.domains[d.corpus].pools["any"][:8]) for d in phase.draws]
    terms = phase.terms(batches, 0.5)
    sum(phase.weights[name] * term for name, term in terms.items()).backward()
    return {name: p.grad for name, p in s.model.named_parameters()}


def test_taking_mmd_out_changes_the_extractors_gradients_and_leaves_the_heads_as_they_were(attached):
    with_mmd, without = gradients(attached("ddg")), gradients(attached("ddg", mmd=0.0))
    extractor = [n for n in with_mmd if n.startswith("extractor.") and with_mmd[n] is not None]
    assert extractor
    assert any(not torch.allclose(with_mmd[n], without[n]) for n in extractor)


def test_the_heads_gradients_come_from_the_task_alone(attached):
    found = []
    for options in ({}, {"mmd": 0.0}):
        strategy = attached("ddg", **options)
        s = strategy.setting
        target = s.domains["b"]
        torch.manual_seed(3)
        alignment = gradients(strategy)
        assert not any(g is not None and g.any() for n, g in alignment.items() if n.startswith("heads."))
        strategy.task("b", target.batch(target.pools["labelled"][:8])).backward()
        found.append({n: p.grad.clone() for n, p in s.model.named_parameters() if n.startswith("heads.")})
    assert found[0]
    assert all(g.any() for n, g in found[0].items() if n.endswith("classifier.weight"))
    assert all(torch.allclose(found[0][n], found[1][n], atol=1e-6) for n in found[0])


def test_hidden_networks_are_domain_specific_unless_shared(attached):
    separate, shared = attached("ddg"), attached("ddg", hidden="shared")
    assert separate.hidden["a"] is not separate.hidden["b"]
    assert shared.hidden["a"] is shared.hidden["b"]
    assert [u.conv.out_channels for u in separate.hidden["a"].units] == [128, 13, 64, 13, 13]


OPTIONS = [
    {"hidden": "shared"},
    {"hidden": "none"},
    {"level": "specific"},
    {"critic": "wasserstein"},
    {"label_smoothing": 0.5},
    {"mmd": 0.1},
    {"adversarial": 0.9},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_of_the_alignment_changes_its_gradient(options, attached):
    default, changed = gradients(attached("ddg")), gradients(attached("ddg", **options))
    assert any(
        not torch.allclose(g, changed[n]) for n, g in default.items() if n.startswith("extractor.") and g is not None
    )


@pytest.mark.parametrize("options", [*OPTIONS, {"source_supervision": True}], ids=str)
def test_every_option_trains(options, attached, train):
    last = train(attached("ddg", every=1, steps=2, **options))[-1].epochs[-1]
    assert ("source/task_a" in last) == bool(options.get("source_supervision"))


def test_after_the_specific_stack_that_stack_is_aligned_too_and_no_classifier(attached, train):
    strategy = attached("ddg", every=1, steps=2, level="specific", shared=False)
    names = {**dict(strategy.setting.model.named_parameters()), **dict(strategy.named_parameters())}
    before = {name: p.detach().clone() for name, p in names.items()}
    only = strategy.phases(0)[1:]
    strategy.phases = lambda epoch: only
    train(strategy)
    moved = {".".join(name.split(".")[:3]) for name, p in names.items() if not torch.equal(p, before[name])}
    assert {"heads.a.stack", "heads.b.stack"} <= moved
    assert not any("classifier" in name for name in moved)


def test_the_wasserstein_critic_stands_in_the_place_of_the_classifier_with_its_penalty(attached):
    strategy = attached("ddg", critic="wasserstein")
    assert isinstance(strategy.discriminator, WassersteinCritic)
    source, target = torch.randn(6, 13), torch.randn(5, 13)
    torch.manual_seed(1)
    terms = strategy.distances(source, target, 0.5)
    torch.manual_seed(1)
    penalty = gradient_penalty(source, target, critic=strategy.discriminator.critic)
    critic = strategy.discriminator.critic
    distance = critic(source).mean() - critic(target).mean()
    assert torch.allclose(terms["adversarial"], 10 * penalty - distance, atol=1e-5)


def test_without_the_critic_mmd_alone_aligns(attached, train):
    last = train(attached("ddg", every=1, steps=2, adversarial=0.0))[-1].epochs[-1]
    assert {key for key in last if key.startswith("alignment/")} == {"alignment/mmd", "alignment/loss"}


def test_no_loss_at_all_is_refused(attached):
    with pytest.raises(RecipeError, match="one above 0"):
        attached("ddg", mmd=0.0, adversarial=0.0)


def test_a_rate_for_the_discriminator_reaches_the_optimizer_that_drives_it(attached):
    strategy = attached("ddg")
    training = strategy.setting.training.model_copy(update={"rates": {"discriminator": "0.5"}})
    strategy.setting = strategy.setting.__class__(**{**vars(strategy.setting), "training": training})
    parameters = dict(strategy.setting.model.named_parameters()) | dict(strategy.named_parameters())
    groups = parameter_groups(parameters, strategy.optimizers()["alignment"])
    assert 0.5 in {group["lr"] for group in groups}
    assert len({group["lr"] for group in groups}) == 2
