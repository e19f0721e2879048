"""Alignment losses act at the level and with the weight that the recipe says."""

import inspect
import math
import sys
import types

import pytest
import torch
from torch import nn

from feature_extractors import Frames
from losses import CORAL, LOSSES, coral, jmmd, mmd
from transfer.errors import RecipeError
from transfer.strategies.alignment_loss import AlignmentLoss
from transfer.strategies.levels import pooled
from transfer.strategies.named_alignments import NAMED_ALIGNMENTS


def one_step(strategy, progress=0.5):
    torch.manual_seed(3)
    (phase,) = strategy.phases(0)
    s = strategy.setting
    s.model.eval()
    batches = [s.domains[d.corpus].batch(s.domains[d.corpus].pools[d.pool][:8]) for d in phase.draws]
    return batches, phase.terms(batches, progress), phase


def test_mmd_is_that_of_the_pooled_universal_features(attached):
    strategy = attached("mmd", weight=0.7, schedule="constant")
    batches, terms, phase = one_step(strategy)
    model = strategy.setting.model
    rows = [pooled(model.universal(b.features, b.lengths, n), "pooled", 0) for n, b in zip("ab", batches, strict=True)]
    assert torch.allclose(terms["mmd"], mmd.mmd(*rows), atol=1e-6)
    assert phase.weight("mmd", 0.5) == 0.7


@pytest.mark.parametrize("level", ["universal", "specific", "logits", "probabilities"])
@pytest.mark.parametrize("pooling", ["pooled", "flattened"])
@pytest.mark.parametrize("loss", ["mmd", "dann"])
def test_every_level_and_pooling_reaches_the_extractor(loss, level, pooling, attached):
    strategy = attached(loss, level=level, pooling=pooling)
    _, terms, _ = one_step(strategy)
    terms[loss].backward()
    gradient = sum(p.grad.abs().sum() for p in strategy.setting.model.extractor.parameters() if p.grad is not None)
    assert gradient > 0


def test_the_ramp_starts_an_alignment_loss_at_nothing(attached):
    strategy = attached("mmd")
    _, terms, phase = one_step(strategy, progress=0.0)
    assert terms["mmd"] > 0, "terms are logged unweighted"
    assert phase.weight("mmd", 0.0) == 0
    assert phase.weight("mmd", 1.0) == pytest.approx(1, abs=1e-3)
    (fixed,) = attached("mmd", weight=0.7, schedule="constant").phases(0)
    assert fixed.weight("mmd", 0.0) == 0.7


def test_reversal_at_progress_zero_gives_the_discriminator_a_gradient_and_the_extractor_none(attached):
    strategy = attached("dann")
    _, terms, _ = one_step(strategy, progress=0.0)
    terms["dann"].backward()
    assert all((p.grad is None or not p.grad.any()) for p in strategy.setting.model.extractor.parameters())
    assert any(p.grad is not None and p.grad.any() for p in strategy.align["dann"].parameters())


def test_unlabelled_target_slices_are_drawn_where_labels_are_few(attached, domain):
    target = domain("b", seed=2)
    target.pools["labelled"] = target.pools["labelled"][:4]
    draws = attached("mmd", domains={"a": domain("a"), "b": target}).phases(0)[0].draws
    assert [(d.corpus, d.pool) for d in draws] == [("a", "labelled"), ("b", "labelled"), ("b", "any")]


def test_pooling_leaves_out_the_padding():
    frames = Frames(torch.tensor([[[2.0, 4.0, 0.0, 0.0]]]), torch.tensor([2]))
    assert pooled(frames, "pooled", 4).item() == 3
    assert pooled(frames, "flattened", 6).tolist() == [[2, 4, 0, 0, 0, 0]]


PAIR = {"source", "target"}
LOGITS = {"source_logits", "target_logits"}
INPUTS = {
    **dict.fromkeys(("mmd", "linear_mmd", "jmmd", "cmd", "coral", "energy", "sinkhorn", "hausdorff"), PAIR),
    **dict.fromkeys(("moment_matching", "sliced_wasserstein", "afn", "bsp"), PAIR),
    **dict.fromkeys(("dann", "wasserstein_critic"), PAIR | {"strength"}),
    **dict.fromkeys(("cdan", "mdd"), PAIR | LOGITS | {"strength"}),
    "lmmd": PAIR | {"source_labels", "target_logits"},
    "contrastive": PAIR | {"source_labels", "target_labels"},
    **{name: {"logits"} for name in ("mcc", "bnm", "entropy", "diversity", "information_maximisation")},
}
REFUSED = {"ccc": "prediction", "cross_entropy": "labels", "focal": "labels", "reconstruction": "prediction"}
SURE = 0.595  # between the predictions of the untrained network


class Recorder(nn.Module):
    """Stands in for a loss and keeps what it is given."""

    def forward(self, **given):
        self.given = given
        return torch.zeros(())


def test_every_loss_is_an_alignment_or_refused_by_what_it_lacks(attached):
    assert INPUTS.keys() | REFUSED.keys() == LOSSES.keys()
    for loss, lacks in REFUSED.items():
        with pytest.raises(RecipeError, match=f"{loss} asks for {lacks}"):
            attached("alignment", losses=[{"name": loss}])


@pytest.mark.parametrize("loss", INPUTS)
def test_a_loss_is_given_what_its_forward_asks_for(loss, attached):
    strategy = attached("alignment", labelled=False, losses=[{"name": loss, "level": "specific", "confidence": 0.0}])
    strategy.align[loss].loss = recorder = Recorder()
    batches, _, _ = one_step(strategy, progress=0.3)
    model, expected = strategy.setting.model, {"strength": 2 / (1 + math.exp(-3)) - 1}
    for side, corpus, batch in zip(("source", "target"), "ab", batches, strict=True):
        specific = model.head(corpus).specific(model.universal(batch.features, batch.lengths, corpus))
        expected[side] = pooled(specific, "pooled", 0)
        expected[f"{side}_logits"] = model(batch.features, batch.lengths, corpus)
        expected[f"{side}_labels"] = batch.labels
    expected["logits"] = expected["target_logits"]
    expected["target_labels"] = expected["logits"].argmax(1)
    assert recorder.given.keys() == INPUTS[loss]
    for name, value in recorder.given.items():
        value = value[0] if loss == "jmmd" else value
        assert torch.allclose(torch.as_tensor(value), torch.as_tensor(expected[name]), atol=1e-6), name


@pytest.mark.parametrize("loss", INPUTS)
def test_a_loss_trains_for_an_epoch_and_reaches_the_extractor(loss, attached, train):
    # Contrast needs pseudo-labels, which an untrained network is not sure of.
    spec = {"name": loss, "confidence": 0.0, "schedule": "constant"}
    strategy = attached("alignment", labelled=False, losses=[spec], recipe={"training": {"epochs": 1, "batch_size": 8}})
    _, terms, _ = one_step(strategy)
    terms[loss].backward()
    assert any(p.grad is not None and p.grad.any() for p in strategy.setting.model.extractor.parameters())
    assert math.isfinite(train(strategy)[0].epochs[0][f"adapt/{loss}"])


def test_jmmd_compares_the_layers_that_the_recipe_names(attached):
    spec = {"name": "jmmd", "levels": ["universal", "specific", "probabilities"]}
    strategy = attached("alignment", labelled=False, losses=[spec])
    batches, terms, _ = one_step(strategy)
    model, sides = strategy.setting.model, []
    for corpus, batch in zip("ab", batches, strict=True):
        levels = model.embed(batch.features, batch.lengths, corpus)
        frames = model.universal(batch.features, batch.lengths, corpus)
        specific = pooled(model.head(corpus).specific(frames), "pooled", 0)
        probabilities = model(batch.features, batch.lengths, corpus).softmax(1)
        sides.append([levels["universal"], specific, probabilities])
    assert torch.allclose(terms["jmmd"], jmmd.jmmd(*sides), atol=1e-6)
    (named,) = attached("jmmd", labelled=False).specs
    assert named.levels == ("specific", "probabilities")


def test_labels_that_may_be_used_win_over_predictions_and_unsure_ones_count_as_none(attached, domain):
    target = domain("b", frames=56, seed=2)
    target.labels[4:] = -1
    target.pools["labelled"] = target.pools["labelled"][:4]
    spec = {"name": "contrastive", "confidence": SURE}
    strategy = attached("alignment", domains={"a": domain("a"), "b": target}, losses=[spec])
    strategy.align["contrastive"].loss = recorder = Recorder()
    batches, _, _ = one_step(strategy)
    top, guess = strategy.setting.model(batches[-1].features, batches[-1].lengths, "b").softmax(1).max(1)
    given = recorder.given["target_labels"]
    assert torch.equal(given[:4], batches[-1].labels[:4])
    assert not torch.equal(guess[:4], batches[-1].labels[:4])
    assert torch.equal(given[4:], torch.where(top >= SURE, guess, -1)[4:])
    assert set(given[4:].tolist()) > {-1}, top


@pytest.mark.parametrize(("schedule", "half"), [("constant", 1.0), ("linear", 0.05), ("warmup", 0.5), ("ramp", 0.2449)])
def test_a_schedule_scales_the_weight_or_the_reversal(schedule, half, attached):
    losses = [{"name": name, "weight": 0.7, "schedule": schedule} for name in ("mmd", "dann")]
    strategy = attached("alignment", losses=losses)
    strategy.align["dann"].loss = recorder = Recorder()
    _, _, phase = one_step(strategy, progress=0.05)
    assert phase.weight("mmd", 0.05) == pytest.approx(0.7 * half, rel=1e-3)
    assert phase.weight("dann", 0.05) == 0.7
    assert recorder.given["strength"] == pytest.approx(half, rel=1e-3)


def test_predictions_of_one_corpus_alone_need_no_shared_classes(attached, domain, train):
    corpora = {"a": domain("a"), "b": domain("b", classes=("u", "v", "w"))}
    train(attached("mcc", domains=corpora, shared=False))
    for name in ("cdan", "lmmd", "contrastive", "mdd"):
        with pytest.raises(RecipeError, match="needs the same classes"):
            attached(name, domains=corpora, shared=False)
    for level in ("logits", "probabilities"):
        with pytest.raises(RecipeError, match="needs the same classes"):
            attached("mmd", domains=corpora, shared=False, level=level)


def test_several_sources_are_averaged_and_the_target_is_looked_at_once(attached, domain):
    corpora = {"a": domain("a", seed=1), "c": domain("c", seed=3), "b": domain("b", frames=56, seed=2)}
    strategy = attached("alignment", domains=corpora, losses=[{"name": "coral"}, {"name": "bnm"}])
    calls = []
    strategy.align["bnm"].loss.register_forward_hook(lambda *_: calls.append(1))
    batches, terms, _ = one_step(strategy)
    model = strategy.setting.model
    a, c, b = (
        pooled(model.universal(x.features, x.lengths, n), "pooled", 0) for n, x in zip("acb", batches, strict=True)
    )
    assert torch.allclose(terms["coral"], (coral.coral(a, b) + coral.coral(c, b)) / 2, rtol=1e-4, atol=0)
    assert len(calls) == 1


def test_one_loss_at_two_levels_gives_two_terms(attached, train):
    losses = [{"name": "mmd"}, {"name": "mmd", "level": "specific"}]
    assert {"adapt/mmd_0", "adapt/mmd_1"} <= set(train(attached("alignment", losses=losses))[0].epochs[0])


def test_a_loss_of_ones_own_is_a_term_by_its_class_name(attached, train, monkeypatch):
    module = types.ModuleType("mine")
    module.Mine = CORAL
    monkeypatch.setitem(sys.modules, "mine", module)
    assert "adapt/Mine" in train(attached("alignment", losses=[{"name": "mine:Mine"}]))[0].epochs[0]


def test_levels_that_a_loss_cannot_take_are_refused(attached):
    with pytest.raises(RecipeError, match="name it once for each"):
        attached("alignment", losses=[{"name": "mmd", "levels": ["universal", "specific"]}])
    with pytest.raises(ValueError, match="one of the two keys"):
        attached("alignment", losses=[{"name": "jmmd", "level": "logits", "levels": ["universal", "specific"]}])


def test_no_loss_has_an_option_that_alignment_takes_for_itself():
    ours = set(AlignmentLoss.model_fields) - {"name"}
    assert not any(ours & set(inspect.signature(LOSSES[loss]).parameters) for loss in INPUTS)


def test_a_named_alignment_takes_every_key_of_a_spec_and_keeps_its_own_default(attached):
    for name, cls in NAMED_ALIGNMENTS.items():
        assert set(inspect.signature(cls).parameters) >= set(AlignmentLoss.model_fields) - {"name"}
        (spec,) = cls().specs
        assert spec == cls.default
        assert spec.name == name
    (spec,) = NAMED_ALIGNMENTS["jmmd"](weight=0.3, level="universal", options={"kernels": 3}).specs
    assert (spec.weight, spec.everywhere, spec.options) == (0.3, ("universal",), {"kernels": 3})
    (spec,) = NAMED_ALIGNMENTS["afn"](schedule="linear").specs
    assert (spec.weight, spec.level, spec.schedule) == (0.05, "specific", "linear")
