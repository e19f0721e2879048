"""Marks: what leaks, what test labels chose, what had another budget, what is synthetic."""

import pandas as pd
import pytest

from transfer.evaluation.finished_run import FinishedRun
from transfer.evaluation.marks import marks_of, unequal_budgets


def run(system="mmd", seed=0, role="system", **summary):
    """Return a run of which only the summary matters."""
    return FinishedRun(system, seed, None, role, summary, pd.DataFrame())


def trained(system, epochs=60, *, slices=100, stopped="", role="system", seed=0, steps=None, **labels):
    """Return a run that trained so many epochs on so many labelled target slices."""
    stage = {"run": epochs, "kept": epochs, "stopped": stopped} | ({} if steps is None else {"steps": steps})
    target = {"speakers": 4, "slices": slices, **labels}
    return run(system, seed, role, selection={"epochs": {"transfer": stage}}, target_labels=target)


@pytest.mark.parametrize(
    ("summary", "marks"),
    [
        ({}, []),
        ({"leakage": None, "synthetic": None}, []),
        ({"leakage": {"accepted": [], "found": [], "reported": ["text"]}}, []),
        ({"leakage": {"accepted": ["speaker"], "found": []}}, ["leaking"]),
        ({"leakage": {"accepted": [], "found": ["copy"]}}, ["leaking"]),
        ({"selection": {"tag": "oracle"}}, ["oracle-selected"]),
        ({"selected_by": {"transfer": "oracle"}}, ["oracle-selected"]),
        ({"selection": {"tag": "target_validation"}}, []),
        ({"synthetic": {"modma": 0}}, ["synthetic"]),
    ],
)
def test_a_summary_says_its_marks(summary, marks):
    assert marks_of([run(**summary)]) == marks
    assert marks_of([run(), run(**summary)]) == marks  # one run is enough


def test_an_unequal_budget_is_a_mark():
    assert marks_of([run(synthetic={"a": 1})], unequal=True) == ["unequal budget", "synthetic"]


def test_the_odd_one_out_had_another_budget():
    runs = [trained("mmd"), trained("dann"), trained("ddg", 90), trained("ae", slices=50)]
    assert unequal_budgets(runs, None) == {
        "ddg": "trained 90 epochs, most others 60",
        "ae": "used 50 labelled target slices of 4 speakers, most others 100 labelled target slices of 4 speakers",
    }


def test_where_no_budget_is_the_common_one_all_are_marked():
    found = unequal_budgets([trained("mmd", 60), trained("scratch", 90, role="control")], "scratch")
    assert set(found) == {"mmd", "scratch"}


def test_labels_to_select_by_are_labels():
    validated = trained("mmd", validation_slices=20, validation_speakers=1)
    assert set(unequal_budgets([validated, trained("dann"), trained("ddg")], None)) == {"mmd"}


def test_steps_are_compared_where_all_runs_record_them():
    same = [trained("mmd", 12, steps=300), trained("dann", 12, steps=300), trained("scratch", 48, steps=300)]
    assert unequal_budgets(same, None) == {}
    assert set(unequal_budgets([*same, trained("ddg", 12)], None)) == {"scratch"}  # epochs where one has none


def test_what_stopped_early_what_does_not_train_and_what_a_control_may_not_see_are_excepted():
    runs = [trained("mmd"), trained("dann"), trained("ddg", 31, stopped="no better for 10 epochs")]
    runs += [run("majority", role="control"), trained("source_only", slices=0, role="control")]
    runs += [trained("scratch", role="control")]
    assert unequal_budgets(runs, "scratch") == {}
    runs[-1] = trained("scratch", slices=0, role="control")
    assert set(unequal_budgets(runs, "scratch")) == {"scratch"}


def test_budgets_are_compared_within_a_seed():
    runs = [trained(name, slices=100 + seed, seed=seed) for name in ("mmd", "dann", "ddg") for seed in (0, 1)]
    assert unequal_budgets(runs, None) == {}
    runs[1] = trained("mmd", slices=100, seed=1)
    assert set(unequal_budgets(runs, None)) == {"mmd"}
