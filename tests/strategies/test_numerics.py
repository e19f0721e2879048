"""Every strategy on data at the edge: numbers stay finite, in the loss, the weights and the predictions."""

import math

import pytest
import torch

from tests.strategies.test_every_strategy import OPTIONS, PRETRAINS, few
from transfer.data.domain import HIDDEN
from transfer.device import build_fabric
from transfer.loop import fit
from transfer.recipe import Compute
from transfer.strategies import STRATEGIES

EVERY = pytest.mark.parametrize("name", sorted(STRATEGIES))


@pytest.fixture
def trained(attached, domain):
    """Return a function that trains a strategy on two corpora and looks at every number that comes of it."""

    def run(name, *, a=None, b=None, precision="32-true", **training):
        source = domain("a", seed=1) if a is None else a
        target = domain("b", frames=56, seed=2) if b is None else b
        target = few(target) if name in ("semi", "self_training") else target
        recipe = {**PRETRAINS.get(name, {}), "training": {"epochs": 2, "batch_size": 8, **training}}
        strategy = attached(name, recipe=recipe, domains={"a": source, "b": target}, **OPTIONS.get(name, {}))
        fabric = build_fabric(Compute(accelerator="cpu", precision=precision))
        for stage in strategy.stages():
            strategy.begin(stage.name)
            record = fit(stage, strategy, strategy.setting.domains, fabric, seed=0, score=None)
            assert all(math.isfinite(value) for epoch in record.epochs for value in epoch.values())
        model = strategy.setting.model.eval()
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())
        with torch.no_grad():
            logits = model(target.features, target.lengths, "b")
        assert logits.shape == (len(target.labels), len(target.classes))
        assert torch.isfinite(logits).all()

    return run


@EVERY
def test_batches_of_one(name, trained, domain):
    target = domain("b", frames=56, seed=2)
    target.pools["labelled"] = target.pools["labelled"][:1]
    if name not in ("semi", "self_training"):
        target.pools["any"] = target.pools["any"][:1]
    trained(name, b=target)


@EVERY
def test_corpora_smaller_than_a_batch(name, trained, domain):
    trained(name, a=domain("a", slices=24), b=domain("b", slices=24, seed=2), batch_size=64)


@EVERY
def test_a_class_that_no_batch_of_the_target_holds(name, trained, domain):
    classes = ("x", "y", "z")
    target = domain("b", classes=classes, seed=2)
    target.pools["labelled"] = target.pools["labelled"][target.labels[target.pools["labelled"]] != 2][:4]
    target.labels[target.labels == 2] = HIDDEN
    trained(name, a=domain("a", classes=classes), b=target, batch_size=2)


@EVERY
def test_clips_of_one_frame(name, trained, domain):
    corpora = []
    for corpus, seed in (("a", 1), ("b", 2)):
        made = domain(corpus, seed=seed)
        made.lengths[::2] = 1
        made.features[::2, :, 1:] = 0
        corpora.append(made)
    trained(name, a=corpora[0], b=corpora[1])


@EVERY
def test_features_that_never_change(name, trained, domain):
    source = domain("a", seed=1)
    source.features[:] = 1.0
    source.features.mul_((torch.arange(source.features.shape[2]) < source.lengths[:, None])[:, None])
    trained(name, a=source)


@EVERY
def test_mixed_precision(name, trained):
    trained(name, precision="bf16-mixed")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: float16 is scaled there alone")
@EVERY
def test_half_precision(name, attached):
    strategy = attached(name, recipe=PRETRAINS.get(name), **OPTIONS.get(name, {}))
    fabric = build_fabric(Compute(accelerator="gpu", precision="16-mixed"))
    for stage in strategy.stages():
        strategy.begin(stage.name)
        record = fit(stage, strategy, strategy.setting.domains, fabric, seed=0, score=None)
        assert all(math.isfinite(value) for epoch in record.epochs for value in epoch.values())
