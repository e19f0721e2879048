"""Pseudo-labels and entropy act on the unlabelled target slices alone, as the options say."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from transfer.errors import RecipeError
from transfer.loop import freeze
from transfer.strategies.semi import surest

CONFIDENCE = 0.6  # between the least and the most probable prediction of the untrained network


def corpora(domain, labelled=6):
    """Return a source, and a target of which a few training slices are labelled."""
    target = domain("b", frames=56, seed=2)
    target.pools["labelled"] = target.pools["labelled"][:labelled]
    target.labels[labelled:] = -1
    return {"a": domain("a", seed=1), "b": target}


def step(strategy, progress=0.5, training=True):
    freeze(strategy.setting.model, strategy, strategy.frozen(0))
    strategy.setting.model.train(training)
    (phase,) = strategy.phases(0)
    s = strategy.setting
    batches = [s.domains[d.corpus].batch(s.domains[d.corpus].pools[d.pool][:12]) for d in phase.draws]
    return phase, batches, phase.terms(batches, progress)


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=12),
    st.floats(0, 1),
    st.floats(0.05, 1),
)
def test_what_is_kept_is_sure_and_the_surest_of_its_class(seeds, confidence, share):
    p = torch.softmax(torch.stack([torch.sin(torch.arange(3.0) * s) * 3 for s in seeds]), 1)
    kept, (top, guess) = surest(p, confidence=confidence, share=share), p.max(1)
    assert (top[kept] >= confidence).all()
    for k in range(3):
        mine = guess == k
        assert (kept & mine).sum() <= torch.ceil(share * mine.sum().float() + 1e-4)
        if (kept & mine).any() and (mine & ~kept).any():
            assert top[kept & mine].min() >= top[mine & ~kept].max()
    assert share < 1 or torch.equal(kept, top >= confidence)


def test_terms_are_those_of_the_unlabelled_rows(attached, domain):
    strategy = attached("semi", domains=corpora(domain), confidence=CONFIDENCE)
    phase, batches, terms = step(strategy, training=False)
    assert [(d.corpus, d.pool) for d in phase.draws] == [("a", "labelled"), ("b", "labelled"), ("b", "any")]
    batch = batches[-1]
    free = batch.labels < 0
    assert 0 < free.sum() < len(free)
    z = strategy.setting.model(batch.features, batch.lengths, "b")[free]
    top, guess = z.softmax(1).max(1)
    kept = top >= CONFIDENCE
    assert 0 < kept.sum() < len(kept)
    assert torch.allclose(terms["pseudo"], F.cross_entropy(z[kept], guess[kept], reduction="sum") / len(z), atol=1e-6)
    assert torch.allclose(terms["entropy"], -(z.softmax(1) * z.log_softmax(1)).sum(1).mean(), atol=1e-6)
    assert terms["kept"] == kept.float().mean()
    assert {"task_a", "task_b"} < set(terms)


def test_weights_follow_the_schedule_and_the_kept_share_is_only_watched(attached, domain):
    (phase,) = attached("semi", domains=corpora(domain), pseudo=0.6, entropy=0.3, schedule="linear").phases(0)
    assert [phase.weight(n, 0.5) for n in ("pseudo", "entropy", "kept")] == pytest.approx([0.3, 0.15, 0.0])
    (constant,) = attached("semi", domains=corpora(domain), pseudo=0.6, schedule="constant").phases(0)
    assert constant.weight("pseudo", 0.0) == 0.6


def test_without_target_labels_the_source_is_learned_and_every_target_slice_is_free(attached):
    phase, _, terms = step(attached("semi", labelled=False, confidence=0.0))
    assert [(d.corpus, d.pool) for d in phase.draws] == [("a", "labelled"), ("b", "any")]
    assert set(terms) == {"task_a", "pseudo", "entropy", "kept"}
    assert terms["kept"] == 1


def test_pseudo_labels_move_the_model_towards_themselves(attached):
    strategy = attached("semi", labelled=False, confidence=0.0)
    _, _, terms = step(strategy, training=False)
    before = terms["pseudo"].item()
    terms["pseudo"].backward()
    with torch.no_grad():
        for p in strategy.setting.model.parameters():
            if p.grad is not None:
                p -= 0.01 * p.grad
    assert step(strategy, training=False)[2]["pseudo"] < before


def test_a_batch_that_is_labelled_throughout_says_nothing(attached, domain):
    strategy = attached("semi", domains=corpora(domain, labelled=14))
    batch = strategy.setting.domains["b"].batch(torch.arange(8))
    (phase,) = strategy.phases(0)
    terms = phase.terms([batch, batch, batch], 0.5)
    assert terms["pseudo"] == terms["entropy"] == terms["kept"] == 0


def test_the_moving_average_lags_behind_the_model_and_takes_no_gradient(attached, domain, train):
    strategy = attached("semi", domains=corpora(domain), teacher="ema", decay=0.9)
    strategy.begin("transfer")
    start = {k: v.clone() for k, v in strategy.setting.model.named_parameters()}
    with torch.no_grad():
        for p in strategy.setting.model.parameters():
            p += 1
    step(strategy)
    for name, mean in strategy.teacher.named_parameters():
        assert torch.allclose(mean, start[name] + 0.1, atol=1e-6), name
        assert mean.grad is None
    train(strategy)
    assert not any(p.requires_grad or p.grad is not None for p in strategy.teacher.parameters())
    assert not any(m.training for m in strategy.teacher.modules())


@pytest.mark.parametrize("statistics", ["corpus", "shared"])
def test_the_moving_average_has_the_models_batch_statistics(statistics, attached, domain):
    strategy = attached("semi", domains=corpora(domain), teacher="ema", recipe={"batch_statistics": statistics})
    step(strategy)
    ours, theirs = strategy.setting.model.state_dict(), strategy.teacher.state_dict()
    checked = [k for k in ours if k.startswith("statistics.") or (statistics == "shared" and "running" in k)]
    assert checked
    assert all(torch.equal(ours[k], theirs[k]) for k in checked)


def test_the_teacher_decides_the_pseudo_labels(attached, domain):
    found = {}
    for sign in (1, -1):
        strategy = attached("semi", domains=corpora(domain), teacher="ema", decay=0.999999, confidence=0.0)
        with torch.no_grad():
            for p in strategy.teacher.head("b").classifier.parameters():
                p *= sign
        found[sign] = step(strategy)[2]["pseudo"].item()
    assert found[-1] > found[1] + 0.1


def test_it_learns_from_a_target_alone(attached, domain, train):
    target = corpora(domain)["b"]
    strategy = attached("semi", domains={"b": target}, shared=False, recipe={"batch_statistics": "shared"})
    assert "semi/pseudo" in train(strategy)[0].epochs[-1]


def test_what_cannot_be_is_refused(attached):
    with pytest.raises(RecipeError, match="all are labelled"):
        attached("semi")
    with pytest.raises(RecipeError, match="class_share"):
        attached("semi", labelled=False, class_share=0.0)
