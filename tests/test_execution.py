"""Trials run beside each other, and one that fails or dies takes no other with it."""

import os
import sys

import pytest

from transfer.execution import Workplace, finished, run_trial, run_trials
from transfer.loading import load_recipe
from transfer.trials import Trial

DEADLY = """
import os
from pathlib import Path
from transfer.strategies.controls import Scratch


class Deadly(Scratch):
    \"\"\"Ends its process when training begins.\"\"\"

    def begin(self, stage):
        with Path(r"{tally}").open("a") as file:
            file.write("x")
        os._exit(9)


class Clumsy(Scratch):
    \"\"\"Fails when training begins.\"\"\"

    def begin(self, stage):
        raise ZeroDivisionError("one over nothing,\\nin two lines")
"""


@pytest.fixture
def trial(tiny, tmp_path, monkeypatch):
    """Return a factory of trials by strategy."""
    (tmp_path / "deadly.py").write_text(DEADLY.format(tally=tmp_path / "tally"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    def make(system, strategy="scratch", **more):
        recipe = load_recipe(tiny, [f"strategy={{name: '{strategy}'}}", "tracking.kind=none"], synthetic=True)
        return Trial(system, "system", 0, None, recipe.model_copy(update=more))

    yield make
    sys.modules.pop("deadly", None)


@pytest.fixture
def place(tmp_path):
    return Workplace(tmp_path / "comparison", synthetic=True)


def test_a_trial_that_fails_is_told_with_its_reason_and_the_others_go_on(trial, place):
    outcomes = run_trials([trial("clumsy", "deadly:Clumsy"), trial("good")], place, jobs=1)
    assert [o.reason for o in outcomes] == ["ZeroDivisionError: one over nothing, in two lines", ""]
    assert "Traceback" in (place.folder / "failures" / "clumsy-seed0.txt").read_text()
    assert [finished(trial(name), place) for name in ("clumsy", "good")] == [False, True]


def test_a_process_that_dies_is_tried_once_more_and_takes_nothing_with_it(trial, place, tmp_path):
    outcomes = run_trials([trial("deadly", "deadly:Deadly"), trial("good"), trial("other")], place, jobs=2)
    reasons = {o.trial.system: o.reason for o in outcomes}
    assert "died twice" in reasons.pop("deadly")
    assert reasons == {"good": "", "other": ""}
    assert len(outcomes) == 3
    assert (tmp_path / "tally").read_text() == "xx"


def test_what_is_finished_is_not_run_again_and_what_was_left_half_is(trial, place):
    first = trial("good")
    run_trial(first, place)
    file = place.run_folder(first) / "summary.json"
    before = file.stat().st_mtime_ns
    half = place.folder / "runs" / "other" / ".seed0.partial"
    half.mkdir(parents=True)
    run_trials([first, trial("other")], place, jobs=1)
    assert file.stat().st_mtime_ns == before
    assert not half.exists()
    assert finished(trial("other"), place)


def test_a_trial_has_the_threads_of_its_place_unless_its_recipe_says_other(trial, place, monkeypatch):
    seen = []
    monkeypatch.setattr("transfer.experiment.run", lambda recipe, **options: seen.append(recipe.compute.threads))
    run_trial(trial("a"), Workplace(place.folder, threads=3))
    own = load_recipe("casia_to_modma_ddg", ["compute.threads=2"])
    run_trial(Trial("b", "system", 0, None, own), Workplace(place.folder, threads=3))
    assert seen == [3, 2]
