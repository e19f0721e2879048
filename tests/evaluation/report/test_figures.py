"""The figures: what stands where, checked on the coordinates of the drawing."""

import re

import numpy as np
import pandas as pd
import pytest

from transfer.evaluation.aggregation import aggregate
from transfer.evaluation.report.confusion_plot import confusion_picture
from transfer.evaluation.report.critical_difference_plot import critical_difference_drawing
from transfer.evaluation.report.curves import Series
from transfer.evaluation.report.folder import Comparison, RunRecord, read_comparison
from transfer.evaluation.report.forest import Forest
from transfer.evaluation.report.gaps_plot import gap_drawings, mean_gap
from transfer.evaluation.report.learning_curves import learning_curves
from transfer.evaluation.report.monitor_plot import monitor_drawings
from transfer.evaluation.report.projections_plot import projection_drawings
from transfer.evaluation.report.reported import reported_rows
from transfer.evaluation.report.subjects_plot import subject_rows
from transfer.evaluation.report.svg import Scale, element, ticks


@pytest.fixture(scope="module")
def comparison(comparison_folder):
    return read_comparison(comparison_folder)


def of_one_run(tmp_path, **run):
    """Return a comparison of one system of one run."""
    record = RunRecord("a", 0, None, tmp_path, run.pop("summary", {}), **run)
    return Comparison({"systems": [{"name": "a", "marks": []}]}, {"a": [record]}, [])


def numbers(pattern, picture):
    """Return the numbers that a pattern finds in a picture."""
    return [float(found) for found in re.findall(pattern, picture)]


def test_attributes_and_text_are_escaped():
    assert element("a", "<&>", x='"') == '<a x="&#34;">&lt;&amp;&gt;</a>'


@pytest.mark.parametrize("low", [-3.0, 0.0, 0.171, 1e-6, 5e5])
@pytest.mark.parametrize("span", [1e-3, 0.4, 1.0, 37.0])
def test_ticks_are_few_round_even_and_within(low, span):
    found = ticks(low, low + span, 5)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-6 * span <= value <= low + span + 1e-6 * span for value in found)
    assert len(found) < 3 or np.allclose(np.diff(found), found[1] - found[0], rtol=1e-5)


def test_a_forest_has_value_interval_and_chance_on_one_scale():
    forest = Forest([0.6, 0.8], [(0.5, 0.7), (0.7, 0.9)], mark=0.25, label="UAR")
    row = forest.row(0.6, (0.5, 0.7))
    scale = forest.scale
    assert numbers(r'cx="([\d.]+)"', row) == [pytest.approx(scale(0.6), abs=0.06)]
    ends = [
        tuple(map(float, found))
        for found in re.findall(r'd="M([\d.]+) [\d.]+L([\d.]+) [\d.]+" class="line whisker', row)
    ]
    assert ends[0] == (pytest.approx(scale(0.5), abs=0.06), pytest.approx(scale(0.7), abs=0.06))
    (chance,) = re.findall(r'd="M([\d.]+) [\d.]+L[^"]+" class="line reference', row)
    assert float(chance) == pytest.approx(scale(0.25), abs=0.06)
    assert scale(0.25) < scale(0.5) < scale(0.9) <= 184


def test_a_row_without_an_interval_is_a_dot():
    assert "whisker" not in Forest([0.6], [], mark=None, label="UAR").row(0.6, None)


def test_confusions_are_shares_of_the_truth():
    picture = confusion_picture("a", {"labels": ["x", "y"], "counts": [[3, 1], [0, 0]]})
    assert numbers(r"--share: ([\d.]+)", picture) == [0.75, 0.25, 0.0, 0.0]
    assert "x decided as y: 1 of 4 (25%)" in picture


def test_means_leave_out_epochs_that_few_runs_reached():
    series = Series("a", "s0", [[(1.0, 1.0), (2.0, 3.0)], [(1.0, 3.0)], [(1.0, 5.0)]])
    assert series.mean() == [(1.0, 3.0)]


def test_learning_curves_show_task_losses_and_the_epochs_kept(tmp_path):
    epochs = [
        {"adapt/task_nemo": 1 / i, "adapt/mmd": 9.0, "monitor/task_gradient": 7.0, "valid/uar": i} for i in (1, 2, 3)
    ]
    history = [{"stage": "transfer", "epochs": epochs, "best_epoch": 1}]
    loss, score = learning_curves(of_one_run(tmp_path, history=history, summary={"selection": {"metric": "uar"}}))
    assert loss.title == "a: training loss"
    assert loss.picture.count("line mean") == 1, "neither other losses nor the monitor's figures"
    assert "kept: epoch 2, 2" in score.picture


def test_a_strategy_without_task_terms_shows_the_sums_of_its_phases(tmp_path):
    history = [{"stage": "transfer", "epochs": [{"a/dann": 1.0, "a/loss": 2.0, "valid/loss": 3.0}], "best_epoch": -1}]
    loss, score = learning_curves(of_one_run(tmp_path, history=history))
    assert loss.title == "a: training loss"
    assert "epoch 1, 2" in loss.picture
    assert score.title == "a: validation loss"


def test_the_monitor_is_drawn_for_those_who_align(comparison):
    titles = [drawn.title for drawn in monitor_drawings(comparison)]
    assert titles == ["dann: can the discriminator tell the domains?", "dann: gradient norm at the extractor"]


def test_gaps_are_means_over_runs_and_go_from_before_to_after(comparison):
    runs = comparison.runs["dann"]
    assert mean_gap(runs, "before", "universal", "mmd") == pytest.approx(0.16)
    assert mean_gap(runs, "after", "universal", "mmd") == pytest.approx(0.6 * 0.16)
    drawings = gap_drawings(comparison)
    assert len(drawings) == 6
    assert "dann: 0.16 before, 0.096 after" in drawings[0].picture


def test_every_slice_of_a_projection_is_drawn_once(comparison):
    pictures, legend = projection_drawings(comparison)
    assert list(pictures) == ["dann", "mmd", "scratch", "ddg"], "majority has no model"
    assert list(legend.domains) == ["nemo", "emovo"]
    for drawings in pictures.values():
        assert [drawn.title for drawn in drawings] == ["PCA, before", "PCA, after", "t-SNE, before", "t-SNE, after"]
        for drawn in drawings:
            assert drawn.picture.count("h0") == 24, "the source's dots"
            assert drawn.picture.count("m-2.2") == 24, "the target's crosses"
            places = np.array(re.findall(r"M([\d.-]+) ([\d.-]+)[hm]", drawn.picture), dtype=float)
            assert (places > 0).all()
            assert (places < 210).all()


def test_subjects_are_judged_by_their_recordings(comparison):
    rows = {row.name: row for row in subject_rows(comparison)}
    tables = [run.predictions for run in comparison.runs["mmd"]]
    for name in list(rows)[:3]:
        shares = []
        for table in tables:
            units = aggregate(table[table["subject"] == name], "recording") if name in set(table["subject"]) else None
            if units is not None:
                columns = [column for column in units if column.startswith("p_")]
                shares.append((units[columns].idxmax(axis=1).str[2:] == units["truth"]).mean())
        assert rows[name].right["mmd"] == pytest.approx(np.mean(shares))
        assert rows[name].truth == "6 classes"
    assert list(rows) == sorted(rows, key=lambda n: (np.mean(list(rows[n].right.values())), n)), "hardest first"


def test_a_subject_of_one_class_says_it(tmp_path):
    table = pd.DataFrame(
        {"corpus": "c", "part": "test", "slice": [0, 1], "recording": ["r", "r"], "subject": "s", "truth": "MDD"}
    )
    (row,) = subject_rows(of_one_run(tmp_path, predictions=table.assign(p_HC=[0.9, 0.2], p_MDD=[0.1, 0.8])))
    assert (row.name, row.truth, row.recordings, row.right) == ("s", "MDD", 1, {"a": 0.0})


def test_the_critical_difference_diagram_joins_those_not_told_apart():
    found = {"cd": 1.5, "ranks": {"b": 2.0, "a": 1.0, "c": 3.0}, "groups": [["a", "b"], ["c"]], "friedman_p": 0.01}
    drawn = critical_difference_drawing(found)
    assert drawn.picture.count('class="line bar"') == 1, "a system alone needs no bar"
    assert "not told apart: a, b" in drawn.picture
    assert drawn.picture.index(">a  1.00") < drawn.picture.index(">b  2.00") < drawn.picture.index(">c  3.00")
    assert critical_difference_drawing(None) is None


def test_reported_percentages_stand_beside_shares(tmp_path):
    said = {"protocol": "clip-level", "accuracy": [99.0, 98.0], "valid_accuracy": 0.9, "note": "words"}
    scores = {"slice": {"accuracy": 0.5, "accuracy_ci": [0.4, 0.6]}}
    comparison = of_one_run(tmp_path, summary={"split": {"by": "speaker"}})
    comparison.result["systems"][0].update(reported=said, scores=scores)
    test, valid = reported_rows(comparison)
    assert (test.reported, test.measured, test.split) == (
        pytest.approx(0.985),
        {"slice": "0.50 [0.40, 0.60]"},
        "split by speaker",
    )
    assert (valid.reported, valid.measured) == (0.9, {})


def test_a_scale_holds_all_its_values():
    scale = Scale.around([0.2, 0.9, float("nan")], 0, 100, include=[0.1])
    assert 0 < scale(0.1) < scale(0.9) < 100
