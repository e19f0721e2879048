"""A comparison over folds: what belongs together, and what a system lacks."""

import pytest
import sklearn.metrics as reference

from transfer.evaluation.paired_tests import corrected_t_test

from .made_runs import compare, rows, run, table


def folded(system, skill, seeds=2, folds=3):
    """Return the runs of a system of which each fold tests its own subjects."""
    runs = []
    for seed in range(seeds):
        whole = table(skill, 10 * seed + len(system))
        for fold in range(folds):
            own = whole[whole["subject"].str[1:].astype(int) // 2 % folds == fold]
            runs.append(run(system, seed, fold=str(fold), predictions=own))
    return runs


def test_folds_of_a_seed_are_scored_together_and_are_the_blocks_of_tests():
    runs = [*folded("scratch", 0.2), *folded("mmd", 0.5), *folded("better", 2.5)]
    result = compare(runs)
    found = rows(result)
    assert found["mmd"]["score"] == pytest.approx(rows(compare(three_whole()))["mmd"]["score"])
    assert found["mmd"]["folds"] == ["0", "1", "2"]
    cd = result["critical_difference"]
    assert cd["blocks"] == 6
    assert next(iter(cd["ranks"])) == "better"
    pair = next(p for p in result["pairs"] if {p["a"], p["b"]} == {"better", "scratch"})
    blocks = []
    for a, b in zip(folded("better", 2.5), folded("scratch", 0.2), strict=True):
        blocks.append(uar_of_subjects(a.predictions) - uar_of_subjects(b.predictions))
    assert pair["p_ttest"] == pytest.approx(corrected_t_test(blocks, 0.5))


def uar_of_subjects(predictions):
    """Return the UAR of one decision a subject."""
    p = predictions.groupby(["subject", "truth"])["p_MDD"].mean().reset_index()
    return reference.balanced_accuracy_score(p["truth"] == "MDD", p["p_MDD"] > 0.5)


def three_whole():
    """Return the systems of the folds test, each seed in one run."""
    return [run(n, s, predictions=table(k, 10 * s + len(n))) for n, k in (("mmd", 0.5),) for s in range(2)]


def test_a_failed_fold_is_named_and_both_are_compared_on_what_both_have():
    runs = [*folded("scratch", 0.2), *folded("mmd", 0.5), *folded("ae", 2.5)]
    lost = [r for r in runs if (r.system, r.seed, r.fold) != ("mmd", 1, "2")]
    result = compare(lost)
    assert any(w.startswith("mmd has no run of seed 1 fold 2") for w in result["warnings"])
    fair = [r for r in runs if (r.seed, r.fold) != (1, "2")]
    expected, found = rows(compare(fair))["mmd"]["gain"], rows(result)["mmd"]["gain"]
    assert found["value"] == pytest.approx(expected["value"])
    assert found["interval"] == pytest.approx(expected["interval"])
    assert found["p"] == expected["p"]
    assert result["critical_difference"]["blocks"] == 5  # and ranks are of blocks that all have


def test_a_system_that_was_tested_on_less_is_named_and_compared_on_that():
    whole = table(0.5, 1)
    less = whole[whole["subject"] >= "s04"]
    scratch = table(0.2, 2)
    result = compare([run("scratch", predictions=scratch[scratch["subject"] >= "s04"]), run("mmd", predictions=whole)])
    assert any(
        w.startswith("scratch was tested on less than others in seed 0 (12 of 16 subjects)") for w in result["warnings"]
    )
    gain = rows(result)["mmd"]["gain"]
    assert gain["subjects"] == 12
    both = compare([run("scratch", predictions=scratch[scratch["subject"] >= "s04"]), run("mmd", predictions=less)])
    assert gain["interval"] == pytest.approx(rows(both)["mmd"]["gain"]["interval"])
