"""One trial of a sweep: a setting drawn by the study, a run of it, and its validation score told to the study."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from transfer.errors import Pruned, UserError
from transfer.execution import REASON, Outcome, Workplace, finished
from transfer.keeper import Keeper
from transfer.loading import load_recipe
from transfer.output import partial_folder
from transfer.progress import Reporter, Tick
from transfer.space import load_space

__all__ = ["BASE", "SPACE", "SweepTrial", "open_study", "run_sweep_trial", "validation_score"]

BASE, SPACE, STUDY = "base.yaml", "space.yaml", "sweep"


@dataclass(frozen=True)
class SweepTrial:
    """A place in a sweep, whose setting is drawn when its turn comes.

    Args:
        number: from 0.
        metric: validation score that the study goes by.
        storage: address of the study's database.
        seed: of the study.

    Example:
        >>> SweepTrial(7, "uar", "sqlite:///study.db", 0).name
        'trial007'
    """

    number: int
    metric: str
    storage: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder below `runs/`."""
        return f"trial{self.number:03d}"


def open_study(storage: str, metric: str, seed: int, warmup: int = 1) -> Any:
    """Return the study of a database, begun where there is none: TPE, and pruning of what is below the median.

    Args:
        storage: address of the database.
        metric: `loss` (lower is better) or any other (higher).
        seed: of the sampler.
        warmup: epochs in which nothing is pruned.

    Raises:
        UserError: where Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError("`transfer sweep` needs Optuna: pip install 'transfer-speech[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    patience = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
    return optuna.create_study(
        storage=optuna.storages.RDBStorage(storage, engine_kwargs=patience),
        study_name=STUDY,
        direction="minimize" if metric == "loss" else "maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=warmup + 1),  # it prunes from that epoch on
        load_if_exists=True,
    )


def run_sweep_trial(trial: SweepTrial, place: Workplace) -> Outcome:
    """Draw a setting, run it, and tell the study its validation score; a trial that was begun before goes on."""
    from transfer.experiment import run

    start = time.perf_counter()
    base = yaml.safe_load((place.folder / BASE).read_text(encoding="utf-8"))
    study = open_study(trial.storage, trial.metric, trial.seed + trial.number, max(1, base["training"]["epochs"] // 5))
    own = _drawn(study, trial, place)
    try:
        overrides = [f"{key}={json.dumps(value)}" for key, value in own.params.items()]
        recipe = load_recipe(place.folder / BASE, overrides)
        if recipe.compute.threads is None:
            recipe = recipe.model_copy(update={"compute": recipe.compute.model_copy(update={"threads": place.threads})})
        folder = place.run_folder(trial)
        if not finished(trial, place):  # it may have been lost between its end and its score
            run(
                recipe,
                synthetic=place.synthetic,
                out=folder,
                parent=place.parent,
                tags={"sweep trial": trial.number},
                shared=place.folder / "shared",
                resume=Keeper.kept(partial_folder(folder)),
                reporter=_Watcher(own, trial.metric),
            )
        study.tell(own.number, validation_score(folder, trial.metric))
    except Pruned:
        study.tell(own.number, state=_states().PRUNED)
    except Exception as error:  # whatever it is, the others go on
        failure = place.folder / "failures" / f"{trial.name}.txt"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(traceback.format_exc(), encoding="utf-8")
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:REASON]
        own.set_user_attr("reason", reason)
        study.tell(own.number, state=_states().FAIL)
        return Outcome(trial, reason, time.perf_counter() - start)
    return Outcome(trial, seconds=time.perf_counter() - start)


def validation_score(folder: Path, metric: str) -> float:
    """Return the validation score of the epoch that a run kept; what it scored in the test part is not looked at.

    Args:
        folder: of the run.
        metric: the score that selected the epoch.
    """
    record = json.loads((folder / "history.json").read_text(encoding="utf-8"))[-1]
    return float(record["epochs"][record["best_epoch"]][f"valid/{metric}"])


class _Watcher(Reporter):
    """Tells the study every epoch's validation score, and ends what is pruned.

    Args:
        own: the study's trial.
        metric: the score.
    """

    def __init__(self, own: Any, metric: str) -> None:
        super().__init__()
        self.own, self.metric, self.values = own, metric, dict[str, float]()

    def epoch(self, values: Mapping[str, float]) -> None:
        """Keep an epoch's values."""
        self.values = dict(values)

    @contextmanager
    def bar(self, title: str) -> Iterator[Tick]:
        """Look at the stage of the transfer alone."""

        def tick(done: int, total: int) -> None:
            if title != "transfer":
                return
            self.own.report(self.values[f"valid/{self.metric}"], done)
            if done < total and self.own.should_prune():
                raise Pruned(f"pruned after epoch {done}")

        yield tick


def _drawn(study: Any, trial: SweepTrial, place: Workplace) -> Any:
    """Return the study's trial of this place in the sweep: that of before, where it was lost in the middle, or a new one."""
    import optuna

    begun = [
        t
        for t in study.get_trials(deepcopy=False)
        if t.user_attrs.get("place") == trial.number and not t.state.is_finished()
    ]
    if begun:
        return optuna.trial.Trial(study, begun[0]._trial_id)
    own = study.ask(load_space(place.folder / SPACE).distributions())
    own.set_user_attr("place", trial.number)
    return own


def _states() -> Any:
    """Return the names of what can become of a trial."""
    from optuna.trial import TrialState

    return TrialState
