"""Trials run: in this process, or several at a time in processes of their own; one that fails takes no other with it."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

from transfer.errors import UserError
from transfer.keeper import Keeper
from transfer.output import partial_folder
from transfer.trials import Trial

__all__ = ["Outcome", "Workplace", "finished", "run_trial", "run_trials"]

REASON = 300  # characters of a reason that a table shows; the whole stands in failures/


@dataclass(frozen=True)
class Workplace:
    """Where trials run and are recorded.

    Args:
        folder: of the comparison; a trial's run goes to `runs/<trial>`, what trials share to `shared/`.
        synthetic: on stand-ins.
        parent: id of the comparison's MLflow run; trials are nested in it.
        threads: CPU threads of a trial.
    """

    folder: Path
    synthetic: bool = False
    parent: str | None = None
    threads: int = 1

    def run_folder(self, trial: Trial) -> Path:
        """Return where a trial's run goes."""
        return self.folder / "runs" / trial.name


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: a reason where it failed, '' where it did not."""

    trial: Trial
    reason: str = ""
    seconds: float = 0.0


def finished(trial: Trial, place: Workplace) -> bool:
    """Tell whether a trial is there: a run folder appears when everything is in it."""
    return (place.run_folder(trial) / "summary.json").is_file()


def run_trial(trial: Trial, place: Workplace) -> Outcome:
    """Run one trial, unless it is there already; say why where it fails."""
    import time

    from transfer.experiment import run

    start, failure = time.perf_counter(), place.folder / "failures" / f"{trial.name.replace('/', '-')}.txt"
    if finished(trial, place):
        return Outcome(trial)
    recipe = trial.recipe
    if recipe.compute.threads is None:
        recipe = recipe.model_copy(update={"compute": recipe.compute.model_copy(update={"threads": place.threads})})
    try:
        run(
            recipe,
            synthetic=place.synthetic,
            out=place.run_folder(trial),
            parent=place.parent,
            tags={"system": trial.system, "role": trial.role, "seed": trial.seed, "fold": trial.fold},
            shared=place.folder / "shared",
            resume=Keeper.kept(partial_folder(place.run_folder(trial))),
        )
    except Exception as error:  # whatever it is, the others go on
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(traceback.format_exc(), encoding="utf-8")
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        reason = " ".join(f"{kind}{error}".split())[:REASON] or type(error).__name__
        return Outcome(trial, reason, time.perf_counter() - start)
    failure.unlink(missing_ok=True)
    return Outcome(trial, seconds=time.perf_counter() - start)


def run_trials(
    trials: Sequence[Trial], place: Workplace, jobs: int, report: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Run trials, `jobs` at a time, and return what became of each.

    A process that dies (out of memory, killed) breaks its pool; the trials that were running in it are run once more,
    each alone, and those that were waiting go on in a new one.
    """
    shutil.rmtree(place.folder / "running", ignore_errors=True)
    outcomes: list[Outcome] = []

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    if jobs == 1:
        for trial in trials:
            done(run_trial(trial, place))
        return outcomes
    left = list(trials)
    while left:
        lost = _in_pool(left, place, jobs, done)
        suspects = [trial for trial in lost if _marker(trial, place).exists()] or lost
        for trial in suspects:
            for again in _in_pool([trial], place, 1, done):
                done(Outcome(again, "its process died twice (killed, or out of memory); try fewer --jobs"))
        left = [trial for trial in lost if trial not in suspects]
    return outcomes


def _in_pool(trials: Sequence[Trial], place: Workplace, jobs: int, done: Callable[[Outcome], None]) -> list[Trial]:
    """Run trials in a pool of processes; return those that were running or waiting when one of them died."""
    with _waiting_politely(), ProcessPoolExecutor(jobs, mp_context=_processes()) as pool:
        running: dict[Future[Outcome], Trial] = {pool.submit(_marked, trial, place): trial for trial in trials}
        left, lost = set(running), []
        try:
            while left:
                ready, left = wait(left, return_when="FIRST_COMPLETED")
                for future in ready:
                    if isinstance(future.exception(), BrokenProcessPool):
                        lost.append(running[future])
                    else:
                        done(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return lost


def _marked(trial: Trial, place: Workplace) -> Outcome:
    """Run a trial, with a mark while it runs: who has one after its pool broke may have broken it."""
    marker = _marker(trial, place)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    outcome = run_trial(trial, place)
    marker.unlink()
    return outcome


def _marker(trial: Trial, place: Workplace) -> Path:
    """Return the file that is there while a trial runs."""
    return place.folder / "running" / trial.name.replace("/", "-")


def _processes() -> Any:
    """Return how processes are begun: from one that has imported everything, where the system has that."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["transfer.experiment"])
    return context


@contextmanager
def _waiting_politely() -> Iterator[None]:
    """Let the threads of child processes sleep where they wait, which several processes on the same cores need."""
    before = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_WAIT_POLICY", None)
