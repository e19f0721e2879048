"""The source extractor of AE stays fixed; the coder and the target's extractor learn."""

import torch


def test_the_source_extractor_is_the_pretrained_one_and_never_moves(attached, train):
    strategy = attached("ae", every=1, steps=2, recipe={"pretraining": {"epochs": 1}})
    stages = strategy.stages()
    strategy.stages = lambda: stages[:1]
    train(strategy)
    strategy.begin("transfer")
    fixed = {k: v.clone() for k, v in strategy.source_extractor.state_dict().items()}
    own = strategy.setting.model.extractor.state_dict()
    assert all(torch.equal(v, own[k]) for k, v in fixed.items())
    strategy.stages = lambda: stages[1:]
    train(strategy)
    assert all(torch.equal(v, fixed[k]) for k, v in strategy.source_extractor.state_dict().items())
    moved = [k for k, v in strategy.setting.model.extractor.named_parameters() if not torch.equal(v, fixed[k])]
    assert moved


def test_alignment_comes_every_eighth_epoch_with_three_terms(attached):
    strategy = attached("ae", recipe={"pretraining": {"epochs": 1}})
    assert [len(strategy.phases(epoch)) for epoch in range(8)] == [1] * 7 + [2]
    phase = strategy.phases(7)[1]
    assert dict(phase.weights) == {"mmd": 0.8, "adversarial": 0.2, "reconstruction": 1.0}
    assert set(strategy.optimizers()["alignment"].modules) == {"extractor", "coder", "discriminator"}
