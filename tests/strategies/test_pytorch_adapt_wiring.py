"""What a hook sees is our model: the same losses and gradients as by hand, our head at test time, lengths and statistics kept."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from feature_extractors.pooling import masked_mean
from losses import reversal_strength
from transfer.strategies.pytorch_adapt_models import Carrying, Combiner
from transfer.strategies.pytorch_adapt_wiring import clips

PLAIN = {"training": {"epochs": 1, "batch_size": 8, "label_smoothing": 0.0}}
PRETRAINED = {**PLAIN, "pretraining": {"epochs": 1}}


class Unstepped:
    """Optimizers that never step, so that gradients can be looked at."""

    class Optimizer:
        def zero_grad(self):
            pass

        def step(self):
            pass

    def __init__(self, names):
        self.optimizers = dict.fromkeys(names, self.Optimizer())
        self.pending = set(names)
        self.losses = []

    def backward(self, loss):
        self.losses.append(loss.item())
        loss.backward()


@pytest.fixture
def hooked(attached):
    def make(hook, *, recipe=PLAIN, labelled=False, **more):
        strategy = attached("pytorch_adapt", hook=hook, recipe=recipe, labelled=labelled, **more)
        strategy.begin("transfer")
        return strategy

    return make


def batches(strategy, n=8):
    domains = strategy.setting.domains
    (phase,) = strategy.phases(0)
    return [domains[d.corpus].batch(domains[d.corpus].pools[d.pool][:n]) for d in phase.draws]


def one_step(strategy, progress=0.5, drawn=None):
    own = Unstepped(strategy.optimizers())
    values = strategy.step(drawn or batches(strategy), progress, own)
    return values, own


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def test_dann_gives_the_losses_and_gradients_of_the_hook_called_by_hand_on_the_pooled_features(hooked):
    strategy = hooked("DANNHook", recipe={**PLAIN, "head": {"name": "linear"}})
    model = strategy.setting.model.eval()
    values, _ = one_step(strategy, progress=0.3)
    ours = {**gradients(model), **{f"D.{k}": v for k, v in gradients(strategy.discriminator).items()}}
    model.zero_grad()
    strategy.discriminator.zero_grad()

    from pytorch_adapt.hooks import DANNHook

    class Pooled(nn.Module):
        def forward(self, item):
            corpus, batch = item
            frames = model.universal(batch.features, batch.lengths, corpus)
            return masked_mean(frames.features, frames.valid())

    own, (source, target) = Unstepped(["opts"]), batches(strategy)
    weight = reversal_strength(0.3)
    _, losses = DANNHook(["opts"], gradient_reversal_weight=weight)(
        {
            "G": Pooled(),
            "C": model.head("a").classifier,  # the linear head is this layer on the pooled features
            "D": strategy.discriminator,
            "src_imgs": ("a", source),
            "target_imgs": ("b", target),
            "src_labels": source.labels,
            "src_domain": torch.zeros(8),
            "target_domain": torch.ones(8),
            "opts": own.optimizers["opts"],
        }
    )
    by_hand = losses["total_loss"]
    assert values["loss"] == pytest.approx(by_hand["total"], rel=1e-5)
    assert {k: v for k, v in values.items() if k != "loss"} == pytest.approx(
        {k: v for k, v in by_hand.items() if k != "total"}, rel=1e-5
    )
    theirs = {**gradients(model), **{f"D.{k}": v for k, v in gradients(strategy.discriminator).items()}}
    assert theirs.keys() == ours.keys()
    assert any(name.startswith("extractor") for name in ours)
    for name in ours:
        assert torch.allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-7), name


def test_dann_is_ganins_formula(hooked):
    """The mean of three losses, the extractor's gradient of the domain losses reversed."""
    strategy = hooked("DANNHook")
    model = strategy.setting.model.eval()
    one_step(strategy, progress=0.3)
    ours = gradients(model.extractor)
    model.zero_grad()
    source, target = batches(strategy)
    f, logits = zip(*[(m, model.head(c)(u)) for c, u, m in rows(model, source, target)], strict=True)
    d = [strategy.discriminator(x) for x in f]
    domain = F.binary_cross_entropy_with_logits(d[0], torch.zeros(8)) + F.binary_cross_entropy_with_logits(
        d[1], torch.ones(8)
    )
    total = (F.cross_entropy(logits[0], source.labels) - reversal_strength(0.3) * domain) / 3
    expected = torch.autograd.grad(total, list(model.extractor.parameters()), allow_unused=True)
    for (name, _), g in zip(model.extractor.named_parameters(), expected, strict=True):
        assert (g is None) == (name not in ours)
        assert g is None or torch.allclose(ours[name], g, rtol=1e-3, atol=1e-7), name


def rows(model, source, target):
    for corpus, batch in (("a", source), ("b", target)):
        frames = model.universal(batch.features, batch.lengths, corpus)
        yield corpus, frames, masked_mean(frames.features, frames.valid())


@pytest.mark.parametrize(
    ("schedule", "expected"), [("ramp", reversal_strength(0.2)), ("constant", 1.0), ("linear", 0.2)]
)
def test_reversal_follows_progress(schedule, expected, hooked):
    for weight in (1, 0.5):
        strategy = hooked("DANNHook", schedule=schedule, options={"gradient_reversal_weight": weight})
        one_step(strategy, progress=0.2)
        ((layer, _),) = strategy._reversals
        assert layer.weight.item() == pytest.approx(weight * expected)


def test_a_game_has_nothing_to_reverse(hooked):
    assert hooked("GANHook")._reversals == []


def test_padding_changes_nothing(hooked):
    strategy = hooked("CDANHook")
    strategy.setting.model.eval()
    short = batches(strategy)
    padded = [b._replace(features=F.pad(b.features, (0, 9))) for b in short]
    values, more = one_step(strategy, drawn=short)[0], one_step(strategy, drawn=padded)[0]
    assert more == pytest.approx(values, rel=1e-4)


def test_each_corpus_moves_its_own_statistics(hooked, domain):
    corpora = {"a": domain("a", seed=1), "b": domain("b", seed=1, labelled=False)}
    corpora["b"].features.mul_(3)
    strategy = hooked("MCDHook", domains=corpora)
    model = strategy.setting.model
    one_step(strategy)
    trained = model.statistics.state_dict()
    assert model.statistics.trained.tolist() == [True, True]
    assert any(not torch.allclose(trained[f"mean_0_{j}"], trained[f"mean_1_{j}"]) for j in range(3))
    alone = hooked("ClassifierHook", domains=corpora)
    one_step(alone)
    assert alone.setting.model.statistics.trained.tolist() == [True, False], "no pass of the target moved anything"


def test_the_head_uses_the_statistics_of_the_rows_it_is_given(hooked):
    strategy = hooked("DANNHook")
    model, (source, target) = strategy.setting.model.train(), batches(strategy)
    features, logits = strategy.wiring.models["G"], strategy.wiring.models["C"]
    rows = [features(clips(corpus, batch, 8)) for corpus, batch in (("a", source), ("b", target))]
    before = {name: value.clone() for name, value in model.statistics.state_dict().items()}
    logits(rows[0])
    moved = {name for name, value in model.statistics.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith(("mean_0_", "var_0_")) for name in moved), (
        "the target's pass came last, the rows are the source's"
    )


def test_the_batches_are_cut_to_one_size(hooked):
    """The library's linear MMD pairs slices."""
    for sizes in ((8, 5), (5, 8)):
        found = []
        for cut in (sizes, (5, 5)):
            strategy = hooked("AlignerPlusCHook")
            strategy.setting.model.eval()
            drawn = [strategy.setting.domains[c].batch(torch.arange(n)) for c, n in zip("ab", cut, strict=True)]
            found.append(one_step(strategy, drawn=drawn)[0])
        assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_our_head_is_the_first_classifier_of_mcd_and_the_second_of_symnets(hooked):
    for hook, ours in (("MCDHook", 0), ("SymNetsHook", 1)):
        strategy = hooked(hook)
        model = strategy.setting.model.eval()
        strategy.classifiers.eval()
        _, target = batches(strategy)
        both = strategy.wiring.predict("b", target)
        head = model(target.features, target.lengths, "b")
        assert torch.allclose(both[ours], head, atol=1e-6)
        assert not torch.allclose(both[1 - ours], head, atol=1e-3), "the other starts from weights of its own"


def test_star_draws_two_classifiers_around_our_last_layer(hooked, train):
    strategy = hooked("MCDHook", stochastic=True)
    model = strategy.setting.model.eval()
    _, target = batches(strategy)
    with torch.no_grad():
        rows = strategy.wiring.models["G"](clips("b", target, 8))
        draws = torch.stack([x for _ in range(400) for x in strategy.wiring.logits(rows)])
    assert not torch.equal(draws[0], draws[1])
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - model(target.features, target.lengths, "b")).abs() < 5 * error).all()
    train(strategy)
    assert set(dict(strategy.classifiers.named_parameters())) == {"deviation.weight", "deviation.bias"}


@pytest.mark.parametrize("hook", ["GVBHook", "GVBGANHook"])
def test_our_last_layer_holds_the_classifier_less_its_bridge(hook, hooked, train):
    strategy = hooked(hook)
    model = strategy.setting.model
    before = model.head("b").classifier.weight.clone()
    own, bridge = strategy.classifiers["own"].weight, strategy.classifiers["bridge"].weight
    assert torch.allclose(own - bridge, before, atol=1e-6), "it begins as our head was"
    train(strategy)
    assert torch.equal(model.head("b").classifier.weight, (own - bridge).detach())
    assert not torch.equal(model.head("b").classifier.weight, before)
    model.eval()
    _, target = batches(strategy)
    (logits,) = strategy.wiring.predict("b", target)
    assert torch.allclose(logits, model(target.features, target.lengths, "b"), atol=1e-5)


def test_adda_moves_the_targets_extractor_away_from_a_fixed_source_extractor(hooked, train):
    strategy = hooked("ADDAHook", recipe=PRETRAINED, options={"threshold": 0.0})
    train(strategy)
    model, fixed = strategy.setting.model, strategy.source_extractor
    pairs = list(zip(model.extractor.parameters(), fixed.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in pairs)
    waiting = hooked("ADDAHook", recipe=PRETRAINED, options={"threshold": 1.0})
    train(waiting)
    same = zip(waiting.setting.model.extractor.parameters(), waiting.source_extractor.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same), "the discriminator is never right often enough"
    assert all(not p.requires_grad for p in waiting.source_extractor.parameters())


def test_atdoc_remembers_each_target_slice_in_its_own_place(hooked, domain):
    target = domain("b", slices=40, seed=2, labelled=False)
    target.pools["any"] = torch.arange(20, 40)
    strategy = hooked("ATDOCHook", domains={"a": domain("a"), "b": target}, options={"k": 3})
    (labeler,) = [h.labeler for h in walk(strategy.hook) if hasattr(h, "labeler")]
    before = labeler.feat_memory.clone()
    assert before.shape == (20, 13)
    source, _ = batches(strategy)
    one_step(strategy, drawn=[source, target.batch(torch.tensor([21, 39, 25]))])
    changed = (labeler.feat_memory != before).any(1).nonzero().flatten()
    assert changed.tolist() == [1, 5, 19]


def walk(hook):
    from transfer.strategies.pytorch_adapt import _inside

    return list(_inside(hook))


def test_virtual_adversarial_training_perturbs_the_input_and_keeps_lengths(hooked):
    strategy = hooked("VATHook")
    seen = []
    strategy.wiring.models["combined_model"].register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    source, target = batches(strategy)
    one_step(strategy, drawn=[source, target])
    assert [x.origin[0] for x in seen] == ["a", "a", "b", "b"]
    assert all(torch.equal(x.origin[1], target.lengths) for x in seen[2:])
    assert not torch.equal(seen[-1].as_subclass(torch.Tensor), target.features)


def test_the_product_of_features_and_predictions_is_projected_where_it_is_wide(hooked):
    assert isinstance(hooked("CDANHook").wiring.models["feature_combiner"], Combiner)
    wide = hooked("CDANHook", pooling="flattened", recipe={**PLAIN, "extractor": {"name": "multi_tim", "blocks": 1}})
    d, k = wide.wiring.sizes["feature_dim"], wide.wiring.sizes["num_classes"]
    assert d * k > 4096
    assert wide.discriminator.layers[0].in_features == 1024
    one_step(wide)


def test_a_carrying_tensor_loses_its_origin_where_it_becomes_something_else():
    x = Carrying.of(torch.ones(3, requires_grad=True) * 1, "emovo")
    assert not x.detach().requires_grad
    assert x.detach().origin == "emovo"
    assert not isinstance(x.softmax(0), Carrying)
    (2 * x).sum().backward()
