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
from typing import TYPE_CHECKING, Any, Protocol

from transfer.engine import Engine
from transfer.errors import UserError
from transfer.keeper import Keeper
from transfer.output import partial_folder
from transfer.trials import Trial

if TYPE_CHECKING:
    from transfer.progress import Reporter

__all__ = ["Named", "Outcome", "Work", "Workplace", "finished", "run_all", "run_trial", "run_trials", "told"]

REASON = 300  # characters of a reason that a table shows; the whole stands in failures/


class Named(Protocol):
    """What is run, of a comparison or a sweep: its name is that of its folder."""

    @property
    def name(self) -> str:
        """The name."""


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

    def run_folder(self, trial: Named) -> Path:
        """Return where a trial's run goes."""
        return self.folder / "runs" / trial.name


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: a reason where it failed, '' where it did not."""

    trial: Any
    reason: str = ""
    seconds: float = 0.0


def finished(trial: Named, place: Workplace) -> bool:
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


Work = Callable[[Any, Workplace], Outcome]


def run_all(
    trials: Sequence[Named],
    place: Workplace,
    engine: Engine,
    jobs: int,
    report: Callable[[Outcome], None] = lambda outcome: None,
    work: Work = run_trial,
) -> list[Outcome]:
    """Run trials on an engine, and return what became of each.

    Args:
        trials: each with a name of its own.
        place: where their folders are.
        engine: what runs them.
        jobs: how many local processes; Ray runs as many as its nodes have room for.
        report: is told each that is over.
        work: what is done for a trial.
    """
    if engine.name == "local":
        return run_trials(trials, place, jobs, report, work)
    from transfer.ray_engine import run_on_ray

    return run_on_ray(trials, place, engine, report, work)


@contextmanager
def told(reporter: Reporter, total: int) -> Iterator[Callable[[Outcome], None]]:
    """Give what is told each trial that is over, and shows how it goes.

    Args:
        reporter: shows it.
        total: trials there are.
    """
    with reporter.bar("trials") as tick:
        done = 0

        def report(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            tick(done, total)
            fate = f"failed: {outcome.reason}" if outcome.reason else f"{outcome.seconds:.0f} s"
            reporter.say(f"{outcome.trial.name}: {fate}")

        yield report


def run_trials(
    trials: Sequence[Named],
    place: Workplace,
    jobs: int,
    report: Callable[[Outcome], None] = lambda outcome: None,
    work: Work = run_trial,
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
            done(work(trial, place))
        return outcomes
    left = list(trials)
    while left:
        lost = _in_pool(left, place, jobs, done, work)
        suspects = [trial for trial in lost if _marker(trial, place).exists()] or lost
        for trial in suspects:
            for again in _in_pool([trial], place, 1, done, work):
                done(Outcome(again, "its process died twice (killed, or out of memory); try fewer --jobs"))
        left = [trial for trial in lost if trial not in suspects]
    return outcomes


def _in_pool(
    trials: Sequence[Named], place: Workplace, jobs: int, done: Callable[[Outcome], None], work: Work
) -> list[Named]:
    """Run trials in a pool of processes; return those that were running or waiting when one of them died."""
    with _waiting_politely(), ProcessPoolExecutor(jobs, mp_context=_processes()) as pool:
        running: dict[Future[Outcome], Named] = {pool.submit(_marked, trial, place, work): trial for trial in trials}
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


def _marked(trial: Named, place: Workplace, work: Work) -> Outcome:
    """Run a trial, with a mark while it runs: who has one after its pool broke may have broken it."""
    marker = _marker(trial, place)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    outcome = work(trial, place)
    marker.unlink()
    return outcome


def _marker(trial: Named, place: Workplace) -> Path:
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
