"""Every hook of pytorch-adapt trains our model by our loop, and the table of hooks is complete."""

import math

import numpy as np
import pytest
import torch

from transfer.device import build_fabric
from transfer.errors import NumericsError
from transfer.evaluation.predictions import probabilities
from transfer.loop import Streams, freeze, step
from transfer.optim import build_optimizer
from transfer.prediction import predict
from transfer.recipe import Compute
from transfer.strategies.pytorch_adapt_hooks import HOOKS

FROZEN = {"FinetunerHook", "MultiLabelFinetunerHook", "AdaBNHook"}  # leave the extractor's weights as they are
OPTIONS = {"ADDAHook": {"threshold": 0.0}}  # by default the target's extractor waits for a discriminator that is right
SMALL = {
    "extractor": {"name": "multi_tim", "mode": "plain", "blocks": 1, "filters": 13},
    "head": {"name": "temporal", "mode": "plain", "blocks": 1},
}
ONE_EPOCH = {"training": {"epochs": 1, "batch_size": 8}}


@pytest.fixture
def hooked(attached, domain):
    """Return a factory of attached strategies by hook, pretrained where the hook asks for it; one epoch."""

    def make(hook, *, recipe=None, labelled=False, **more):
        pretraining = {"pretraining": {"epochs": 1}} if HOOKS[hook].pretrained else {}
        whole = {**SMALL, **ONE_EPOCH, **pretraining, **(recipe or {})}
        more.setdefault(
            "domains",
            {
                "a": domain("a", slices=16, frames=20),
                "b": domain("b", slices=16, frames=28, seed=2, labelled=labelled),
            },
        )
        return attached("pytorch_adapt", hook=hook, recipe=whole, **more)

    return make


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(before, module):
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_trains_our_model_for_an_epoch(hook, hooked, train):
    strategy = hooked(hook, options=OPTIONS.get(hook))
    model = strategy.setting.model
    before = {}
    begin = strategy.begin
    strategy.begin = lambda stage: (before.update(weights(model)), begin(stage))
    values = train(strategy)[-1].epochs[-1]
    assert all(math.isfinite(value) for value in values.values())
    learned = {name for name, _ in model.named_parameters()} & moved(before, model)
    assert any(name.startswith("extractor") for name in learned) == (hook not in FROZEN)
    if hook == "AdaBNHook":
        assert any("running" in name or "mean" in name for name in moved(before, model))
        assert not learned
    elif hook != "ADDAHook":  # it leaves the classifier as pretraining made it
        assert any(name.startswith("heads") for name in learned)
    if model.statistics.trained[1]:
        settled = moved(before, model)
        assert all(f"statistics.mean_1_{i}" in settled for i in range(len(model.statistics._layers))), "the head's too"
    table = predict(model, strategy.setting.domains["b"], "test")
    assert len(table) == 4
    assert np.isfinite(probabilities(table)).all()


@pytest.mark.parametrize("hook", [name for name in HOOKS if name != "AdaBNHook"])
def test_every_hook_learns_target_labels_where_there_are_any(hook, hooked):
    sgd = {"training": {"epochs": 1, "batch_size": 8, "optimizer": {"name": "sgd", "lr": 0.1}}}
    with_labels, without = (hooked(hook, recipe=sgd, labelled=True, target_weight=w) for w in (1.0, 0.0))
    values = [trained_one_step(strategy) for strategy in (with_labels, without)]
    assert values[0]["task_b"] == values[1]["task_b"] > 0, "logged unweighted"
    heads = [strategy.setting.model.head("b").classifier.weight for strategy in (with_labels, without)]
    assert not torch.equal(*heads)


def trained_one_step(strategy):
    """Take the first step of the transfer stage by the loop, and return its values."""
    strategy.begin("transfer")
    stage = strategy.stages()[-1]
    parameters = dict(strategy.setting.model.named_parameters()) | dict(strategy.named_parameters())
    root, fabric = torch.nn.ModuleList([strategy.setting.model, strategy]), build_fabric(Compute(accelerator="cpu"))
    plans = stage.optimizers.items()
    optimizers = {name: fabric.setup_optimizers(build_optimizer(parameters, plan)) for name, plan in plans}
    (phase,), streams = stage.phases(0), Streams(strategy.setting.domains, 8, "none", 0)
    freeze(strategy.setting.model, strategy, stage.frozen(0))
    torch.manual_seed(1)
    return step(phase, streams, root, optimizers, fabric, 0.5, 1.0)


def test_a_frozen_extractor_stays_in_eval_mode_when_target_labels_are_learned(hooked, train):
    strategy = hooked("FinetunerHook", labelled=True)
    model, before = strategy.setting.model, {}
    begin = strategy.begin
    strategy.begin = lambda stage: (before.update(weights(model)), begin(stage))
    train(strategy)
    counts = {name for name in moved(before, model) if name.endswith("num_batches_tracked")}
    assert counts, "BatchNorm of the head saw batches"
    assert all(name.startswith("heads") for name in counts)
    assert not any(p.requires_grad for p in model.extractor.parameters())


def test_the_optimizers_drive_what_the_hook_steps_apart(hooked):
    plans = {name: sorted(p.modules) for name, p in hooked("CDANHook").optimizers().items()}
    assert plans == {"g_opts": ["extractor", "heads"], "d_opts": ["discriminator"]}
    plans = {name: sorted(p.modules) for name, p in hooked("MCDHook").optimizers().items()}
    assert plans == {"g_opts": ["extractor"], "c_opts": ["classifiers", "heads"]}
    assert list(hooked("BNMHook").optimizers()) == ["opts"]


def test_rates_reach_each_optimizer(hooked, train):
    rates = {"training": {"epochs": 1, "batch_size": 8, "rates": {"extractor": "x0", "discriminator": "x0"}}}
    strategy = hooked("GANHook", recipe=rates)
    model = strategy.setting.model
    before = weights(model), weights(strategy.discriminator)
    train(strategy)
    assert not moved(before[1], strategy.discriminator)
    learned = {name for name, _ in model.named_parameters()} & moved(before[0], model)
    assert learned
    assert all(name.startswith("heads") for name in learned)


def test_each_optimizers_gradient_is_clipped(hooked, train, monkeypatch):
    norms, inner = [], torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        found = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in found]).norm().item())
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    train(hooked("GANHook", recipe={"training": {"epochs": 1, "batch_size": 8, "clip_gradient": 0.01}}))
    assert len(norms) == 2, "the discriminator's and the model's"
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


def test_the_schedule_reaches_each_optimizer(hooked, train, monkeypatch):
    rates, inner = [], torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    schedule = {"name": "step", "step_size": 1, "gamma": 0.1}
    train(hooked("GANHook", recipe={"training": {"epochs": 2, "batch_size": 8, "schedule": schedule}}))
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_a_loss_that_is_not_finite_ends_the_run_before_anything_is_stepped(hooked, train, monkeypatch):
    strategy = hooked("DANNHook")
    monkeypatch.setattr(strategy, "_source_loss", lambda logits, labels: logits.sum() * math.nan)
    strategy.attach(strategy.setting)
    before = weights(strategy.setting.model)
    with pytest.raises(NumericsError, match=r"transfer: adapt: src_c_loss is nan at epoch 1, step 1 of 1"):
        train(strategy)
    assert all("weight" not in name for name in moved(before, strategy.setting.model))


def test_a_gradient_that_is_not_finite_ends_the_run(hooked, train):
    strategy = hooked("MCDHook")
    parameter = next(iter(strategy.setting.model.extractor.parameters()))
    parameter.register_hook(lambda g: g * math.inf)
    with pytest.raises(NumericsError, match="gradient norm is nan"):
        train(strategy)


def test_a_loss_joins_the_task_with_its_weight(hooked):
    for weight in (0.0, 2.5):
        values = trained_one_step(hooked("BNMHook", weight=weight))
        assert values["loss"] == pytest.approx(values["src_c_loss"] + values["bnm_loss"], rel=1e-5), "logged weighted"
        assert (values["bnm_loss"] == 0) == (weight == 0)


def test_the_task_loss_is_that_of_the_recipe(hooked):
    values = {}
    for smoothing in (0.0, 0.4):
        recipe = {"training": {"epochs": 1, "batch_size": 8, "label_smoothing": smoothing}}
        values[smoothing] = [trained_one_step(hooked(h, recipe=recipe)) for h in ("DANNHook", "MCDHook")]
    assert values[0.0][0]["src_c_loss"] != values[0.4][0]["src_c_loss"]
    assert values[0.0][1]["x_loss/src_c_loss0"] != values[0.4][1]["x_loss/src_c_loss0"]


def test_corpora_with_classes_of_their_own_are_aligned_by_features(hooked, train, domain):
    corpora = {"a": domain("a", classes=("x", "y", "z")), "b": domain("b", seed=2)}
    for hook in ("DANNHook", "AFNHook", "MCCHook"):
        values = train(hooked(hook, domains=corpora, shared=False))[-1].epochs[-1]
        assert values["adapt/task_b"] > 0


def test_two_sources_take_turns(hooked, domain):
    corpora = {"a": domain("a", seed=1), "c": domain("c", seed=3), "b": domain("b", seed=2, labelled=False)}
    strategy = hooked("DANNHook", domains=corpora)
    seen = []
    context = strategy.wiring.context
    strategy.wiring.context = lambda corpus, *args: seen.append(corpus) or context(corpus, *args)
    trained_one_step(strategy)
    assert seen == ["a", "c"]


def test_hooks_compose(hooked, train):
    options = {"post_g": ["BSPHook", {"name": "MCCHook", "loss_fn": {"name": "MCCLoss", "T": 2.5}}]}
    values = train(hooked("DANNHook", options=options))[-1].epochs[-1]
    assert {"adapt/bsp_loss", "adapt/mcc_loss", "adapt/src_domain_loss"} <= set(values)


def test_a_loss_of_the_library_and_weights_are_named_in_the_recipe(hooked):
    plain = trained_one_step(hooked("AlignerPlusCHook"))
    weighter = {"name": "SumWeighter", "weights": {"features_confusion_loss": 3.0}}
    coral = trained_one_step(hooked("AlignerPlusCHook", options={"loss_fn": "CORALLoss", "weighter": weighter}))
    assert coral["features_confusion_loss"] != plain["features_confusion_loss"]
    parts = [value for name, value in coral.items() if name != "loss"]
    assert coral["loss"] == pytest.approx(sum(parts), rel=1e-5)
