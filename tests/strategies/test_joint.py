"""The three mixings of joint training."""

import pytest

from transfer.errors import RecipeError


def test_alternate_adds_a_source_epoch_after_every_kth_target_epoch(attached):
    strategy = attached("joint", mixing="alternate", every=6)
    names = [[p.name for p in strategy.phases(epoch)] for epoch in range(12)]
    assert names == [[["target"]] * 5 + [["target", "source"]]][0] * 2


def test_alternate_trains_the_source_at_smaller_rates(attached):
    strategy = attached("joint", mixing="alternate", shared=False)
    plan = strategy.optimizers()["source"]
    assert plan.rates == {"extractor": "x0.1", "heads.a": "x0.5"}
    assert plan.modules == ("extractor", "heads.a")


def test_ratio_divides_one_batch_and_counts_every_slice_the_same(attached, domain, train):
    corpora = {"a": domain("a", seed=1), "c": domain("c", seed=3), "b": domain("b", seed=2)}
    strategy = attached(
        "joint", domains=corpora, mixing="ratio", ratio=[5, 5, 1], recipe={"training": {"batch_size": 22, "epochs": 1}}
    )
    (phase,) = strategy.phases(0)
    assert [round(22 * draw.share) for draw in phase.draws] == [10, 10, 2]
    assert [phase.weights[f"task_{n}"] for n in ("a", "c", "b")] == pytest.approx([5 / 11, 5 / 11, 1 / 11])
    train(strategy)


def test_summed_weighs_the_source(attached):
    (phase,) = attached("joint", source_weight=0.3).phases(0)
    assert phase.weights == {"task_a": 0.3, "task_b": 1.0}


def test_a_ratio_that_does_not_fit_the_corpora_is_refused(attached):
    with pytest.raises(RecipeError, match="3 numbers for the 2 corpora"):
        attached("joint", mixing="ratio", ratio=[5, 5, 1]).phases(0)
    with pytest.raises(RecipeError, match="goes with"):
        attached("joint", ratio=[1, 1])
