"""Trials on the nodes of a Ray cluster: a node that is lost gives its trials to others.

The folder of the comparison, the corpora and the cache have to be on a file system that every node sees under the same path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from transfer.engine import Engine
from transfer.errors import UserError
from transfer.execution import Named, Outcome, Work, Workplace, run_trial

__all__ = ["run_on_ray"]

TAKEN = ("TRANSFER_", "MLFLOW_", "PYTHONPATH", "OMP_")  # of the environment, what nodes take over
PATIENCE = 120.0  # seconds that a lost node's process may take to notice that it is alone


def run_on_ray(
    trials: Sequence[Named],
    place: Workplace,
    engine: Engine,
    report: Callable[[Outcome], None] = lambda outcome: None,
    work: Work = run_trial,
) -> list[Outcome]:
    """Run trials on a Ray cluster, as many at a time as its nodes have room for, and return what became of each.

    A trial whose node or process is lost begins again elsewhere, where its state was saved last; one that is finished is
    not run again. Where the lost node's process still lives, the new one waits until it ends.

    Args:
        trials: each with a name of its own.
        place: where their folders are, on every node.
        engine: address, and what a trial asks for.
        report: is told each that is over.
        work: what is done for a trial.

    Raises:
        UserError: where Ray is not installed, or there is no cluster at the address.
    """
    outcomes = []
    with _cluster(engine) as ray:
        task = ray.remote(_on_a_node).options(num_cpus=engine.cpus, num_gpus=engine.gpus, max_retries=engine.retries)
        running = {task.remote(trial, place, work, os.getcwd()): trial for trial in trials}
        while running:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            trial = running.pop(ready)
            try:
                outcome = ray.get(ready)
            except ray.exceptions.RayError as error:
                outcome = Outcome(
                    trial, f"lost with its node or process, {1 + engine.retries} times: {type(error).__name__}"
                )
            outcomes.append(outcome)
            report(outcome)
    return outcomes


@contextmanager
def _cluster(engine: Engine) -> Iterator[Any]:
    """Join a cluster, or begin one on this machine."""
    try:
        import ray
    except ImportError as error:
        raise UserError("--engine ray needs Ray: pip install 'transfer-speech[ray]'") from error
    taken = {name: value for name, value in os.environ.items() if name.startswith(TAKEN)}
    begin = not ray.is_initialized()
    if begin:
        try:
            ray.init(
                address=engine.address,
                runtime_env={"env_vars": taken},
                include_dashboard=None if engine.address else False,
                log_to_driver=False,
                logging_level="ERROR",
            )
        except ConnectionError as error:
            raise UserError(
                f"there is no Ray cluster at {engine.address}: {error}; begin one with `ray start`"
            ) from error
    try:
        short = {name: wanted for name, wanted in (("CPU", engine.cpus), ("GPU", engine.gpus)) if wanted}
        for name, wanted in short.items():
            if not any(node["Alive"] and node["Resources"].get(name, 0) >= wanted for node in ray.nodes()):
                raise UserError(f"a trial asks for {wanted:g} {name}, and no node of the cluster has that much")
        yield ray
    finally:
        if begin:
            ray.shutdown()


def _on_a_node(trial: Named, place: Workplace, work: Work, folder: str) -> Outcome:
    """Do a trial's work on the node that this was sent to."""
    if not place.folder.is_dir():
        return Outcome(trial, f"this node does not see {place.folder}; use a folder that all nodes share")
    os.chdir(folder if Path(folder).is_dir() else place.folder)  # relative paths mean what they meant where it began
    target = place.run_folder(trial)
    try:
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=PATIENCE):
            pass
    except Timeout:
        return Outcome(trial, f"another process is still at work on {target}; go on with --resume when it has ended")
    return work(trial, place)
