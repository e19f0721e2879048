"""Alignment losses act at the level and with the weight that the recipe says."""

import pytest
import torch

from feature_extractors import Frames
from losses import mmd
from transfer.errors import RecipeError
from transfer.strategies.levels import pooled


def one_step(strategy, progress=0.5):
    torch.manual_seed(3)
    (phase,) = strategy.phases(0)
    s = strategy.setting
    s.model.eval()
    batches = [s.domains[d.corpus].batch(s.domains[d.corpus].pools[d.pool][:8]) for d in phase.draws]
    return batches, phase.terms(batches, progress), phase


def test_mmd_is_that_of_the_pooled_universal_features(attached):
    strategy = attached("mmd", weight=0.7, ramp=False)
    batches, terms, phase = one_step(strategy)
    model = strategy.setting.model
    rows = [pooled(model.universal(b.features, b.lengths, n), "pooled", 0) for n, b in zip("ab", batches, strict=True)]
    assert torch.allclose(terms["mmd"], mmd.mmd(*rows), atol=1e-6)
    assert phase.weight("mmd", 0.5) == 0.7


@pytest.mark.parametrize("level", ["universal", "specific", "logits"])
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
    (fixed,) = attached("mmd", weight=0.7, ramp=False).phases(0)
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


@pytest.mark.parametrize(
    "loss",
    [
        "cdan",
        "lmmd",
        "mcc",
        "bnm",
        "information_maximisation",
        "afn",
        "bsp",
        "cmd",
        "coral",
        "sliced_wasserstein",
        "hausdorff",
    ],
)
def test_a_loss_is_given_what_its_forward_asks_for(loss, attached, train):
    strategy = attached("alignment", labelled=False, losses=[{"name": loss}])
    _, terms, _ = one_step(strategy)
    terms[loss].backward()
    assert any(p.grad is not None and p.grad.any() for p in strategy.setting.model.extractor.parameters())


def test_a_loss_that_asks_for_what_alignment_has_not_is_refused(attached):
    with pytest.raises(RecipeError, match="reconstruction asks for prediction"):
        attached("alignment", losses=[{"name": "reconstruction"}])
