"""The loop: what it keeps, when it stops, and what it refuses."""

import pytest
import torch

from transfer.errors import NumericsError


def test_the_weights_of_the_best_epoch_are_kept(attached, train):
    strategy, seen = attached("scratch", recipe={"training": {"epochs": 4, "batch_size": 8}}), []
    scores = iter([0.2, 0.9, 0.5, 0.9])

    def score():
        seen.append({k: v.clone() for k, v in strategy.setting.model.state_dict().items()})
        return {"uar": next(scores), "loss": 1.0}

    (record,) = train(strategy, score=score)
    assert record.best_epoch == 1, "the first of equals"
    kept = strategy.setting.model.state_dict()
    assert all(torch.equal(kept[k], seen[1][k]) for k in kept)
    assert not all(torch.equal(kept[k], seen[3][k]) for k in kept)


def test_the_smallest_loss_selects_where_the_recipe_says_so(attached, train):
    scores = iter([{"uar": 0.9, "loss": 2.0}, {"uar": 0.1, "loss": 1.0}])
    (record,) = train(attached("scratch"), score=lambda: next(scores), metric="loss")
    assert record.best_epoch == 1


def test_training_stops_when_validation_has_not_improved(attached, train):
    scores = iter([0.5, 0.6, 0.6, 0.4, 0.9, 0.9])
    settings = {"training": {"epochs": 6, "batch_size": 8, "early_stopping": {"patience": 2}}}
    (record,) = train(attached("scratch", recipe=settings), score=lambda: {"uar": next(scores), "loss": 1.0})
    assert len(record.epochs) == 4
    assert "not improved for 2 epochs" in record.stopped


def test_a_loss_that_is_not_finite_stops_with_its_name_and_step(attached, train, monkeypatch):
    strategy = attached("mmd")
    monkeypatch.setattr(strategy.align["mmd"].loss, "forward", lambda source, target: source.sum() * float("nan"))
    before = {k: v.clone() for k, v in strategy.setting.model.named_parameters()}
    with pytest.raises(
        NumericsError, match=r"transfer: adapt: mmd is nan at epoch 1, step 1 of 2, in the batch of .*rows \["
    ):
        train(strategy)
    assert all(torch.equal(v, before[k]) for k, v in strategy.setting.model.named_parameters()), "nothing was stepped"


def test_features_that_are_not_finite_are_named_by_their_rows(attached, train, domain):
    source, target = domain("a", seed=1), domain("b", frames=56, seed=2)
    target.features[3, 5, 2] = float("inf")
    with pytest.raises(NumericsError, match=r"b/labelled rows \[[^]]*\b3\b[^]]*\] \(features not finite: rows \[3\]\)"):
        train(attached("scratch", domains={"a": source, "b": target}))


def test_a_gradient_that_is_not_finite_stops_too(attached, train):
    strategy = attached("scratch")
    parameter = next(iter(strategy.setting.model.extractor.parameters()))
    parameter.register_hook(lambda g: g * float("inf"))
    with pytest.raises(NumericsError, match="gradient norm is nan"):
        train(strategy)


def test_gradients_are_clipped_to_the_recipes_norm(attached, train, monkeypatch):
    norms = []
    step = torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in gradients]).norm().item())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    train(attached("scratch", recipe={"training": {"epochs": 1, "batch_size": 8, "clip_gradient": 0.01}}))
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


def test_the_schedule_reaches_every_group(attached, train):
    settings = {"epochs": 4, "batch_size": 16, "schedule": {"name": "step", "step_size": 2, "gamma": 0.1}}
    (record,) = train(attached("scratch", recipe={"training": settings}))
    assert [values["lr"] for values in record.epochs] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_another_seed_draws_other_batches(attached, train):
    weights = []
    for seed in (0, 1):
        torch.manual_seed(0)
        strategy = attached("scratch")
        train(strategy, seed=seed)
        weights.append(strategy.setting.model.head("b").classifier.weight.detach().clone())
    assert not torch.equal(*weights)
