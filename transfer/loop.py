"""The training loop: one for every strategy, on Lightning Fabric."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from transfer.data.domain import HIDDEN, Domain
from transfer.data.feed import Feed
from transfer.data.sampling import BalancedStream, BatchStream, Stream
from transfer.errors import NumericsError
from transfer.keeper import Keeper, Record
from transfer.loop_state import LoopState, Position, Resumable
from transfer.optim import build_optimizer, matches
from transfer.schedules import learning_rate_factor
from transfer.stepping import Root, Stepping, clip_and_step, numbers
from transfer.strategies import Draw, Phase, Stage, Strategy

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from transfer.augmentation import Augmenter

__all__ = ["fit"]


def fit(
    stage: Stage,
    strategy: Strategy,
    domains: Mapping[str, Domain],
    fabric: Fabric,
    *,
    seed: int,
    score: Callable[[], Mapping[str, float]] | None,
    metric: str = "uar",
    observe: Callable[[], Mapping[str, float]] = dict,
    report: Callable[[int, dict[str, float]], None] = lambda epoch, values: None,
    keeper: Keeper | None = None,
    watched: Resumable | None = None,
) -> Record:
    """Train one stage, and leave the model with the weights of the epoch that scored best.

    Args:
        stage: phases, optimizers and settings.
        strategy: owner of the terms.
        domains: corpora as tensors.
        fabric: device and precision.
        seed: of the batches drawn.
        score: validation scores of the model as it is; None keeps the last epoch.
        metric: the score that selects: `loss` (lower), or any other (higher).
        observe: further figures of the epoch just trained.
        report: is told every epoch's values.
        keeper: saves the state, and gives back that of a run that was interrupted; None keeps nothing.
        watched: what else goes on where it was, such as a monitor.

    Raises:
        NumericsError: where a term is not finite, by name, step and value.
    """
    model = strategy.setting.model
    root = Root([model, strategy])
    parameters = dict(model.named_parameters()) | dict(strategy.named_parameters())
    optimizers = {
        name: fabric.setup_optimizers(build_optimizer(parameters, plan)) for name, plan in stage.optimizers.items()
    }
    settings, augmenter = stage.settings, strategy.setting.augmenter
    streams = Streams(domains, settings.batch_size, settings.balance, seed, augmenter)
    keeper = keeper or Keeper(None)
    state = LoopState(strategy, optimizers, streams, fabric, Record(stage.name), watched)
    first, position = state.restore(keeper.stage(stage.name))
    record = state.record
    for epoch in range(first, stage.epochs):
        freeze(model, strategy, stage.frozen(epoch))

        step_over = partial(keeper.step, stage.name, partial(state.capture, epoch, position))
        values = {
            **_epoch(stage, epoch, root, optimizers, streams, fabric, position, state.settle, step_over),
            **observe(),
        }
        record.steps += position.done
        if score is not None:
            values |= {f"valid/{k}": v for k, v in score().items()}
            quality = values[f"valid/{metric}"] * (-1 if metric == "loss" else 1)
            if quality > state.best:
                state.best, state.kept, record.best_epoch = quality, copy.deepcopy(model.state_dict()), epoch
        record.epochs.append(values)
        report(epoch, values)
        record.stopped = _stop(stage, record, metric)
        if record.stopped:
            break
        position = Position()
        keeper.step(stage.name, partial(state.capture, epoch + 1, position), epoch_over=True)
    if state.kept is not None:
        model.load_state_dict(state.kept)
    return record


def _epoch(
    stage: Stage,
    epoch: int,
    root: nn.ModuleList,
    optimizers: Mapping[str, Any],
    streams: Streams,
    fabric: Fabric,
    position: Position,
    settle: Callable[[], None],
    step_over: Callable[[], None],
) -> dict[str, float]:
    """Take all steps of an epoch that are left; return the mean of every term."""
    plan = [(phase, phase.steps or streams.steps(phase.draws)) for phase in stage.phases(epoch)]
    settle()
    total, passed = sum(steps for _, steps in plan), 0
    for phase, steps in plan:
        driven = {name: optimizers[name] for name in phase.drives}
        left = range(max(position.done - passed, 0), steps)
        passed += steps
        for _ in left:
            progress = (epoch + position.done / total) / stage.epochs
            for name, optimizer in driven.items():
                schedule = stage.optimizers[name].schedule
                factor = learning_rate_factor(schedule, epoch=epoch, progress=progress, epochs=stage.epochs)
                for group in optimizer.param_groups:
                    group["lr"] = group["base_lr"] * factor
            values = step(phase, streams, root, driven, fabric, progress, stage.settings.clip_gradient)
            for name, value in values.items():
                if not math.isfinite(value):
                    raise NumericsError(
                        f"{stage.name}: {phase.name}: {name} is {value} at epoch {epoch + 1}, step {position.done + 1} of {total}; "
                        "try a smaller learning rate or training.clip_gradient"
                    )
                position.sums.setdefault(f"{phase.name}/{name}", []).append(value)
            position.done += 1
            step_over()
    means = {name: sum(v) / len(v) for name, v in position.sums.items()}
    return {**means, "lr": next(iter(optimizers.values())).param_groups[-1]["lr"]}


def step(
    phase: Phase,
    streams: Streams,
    root: nn.ModuleList,
    optimizers: Mapping[str, Any],
    fabric: Fabric,
    progress: float,
    clip: float | None,
) -> dict[str, float]:
    """Take one step; return the terms, their weighted sum, and the norm of its gradient where that is not finite."""
    root.zero_grad(set_to_none=True)
    batches = [streams.batch(draw) for draw in phase.draws]
    if phase.stepper is not None:
        own = Stepping(fabric, root, optimizers, clip)
        with fabric.autocast():
            return {**phase.stepper(batches, progress, own), **own.broken}
    with fabric.autocast():
        terms = phase.terms(batches, progress)
        loss = sum(
            (phase.weight(name, progress) * term for name, term in terms.items()), torch.zeros((), device=fabric.device)
        )
    values = numbers({**terms, "loss": loss})
    if not math.isfinite(values["loss"]):
        return values  # the caller names the term; the weights stay as they were
    fabric.backward(loss)
    (optimizer,) = optimizers.values()
    if clip_and_step(fabric, root, optimizer, clip):
        return values
    return {**values, "gradient norm": math.nan}


def freeze(model: nn.Module, strategy: nn.Module, patterns: Sequence[str]) -> None:
    """Put everything into training mode but the modules named: those take no gradient and stay in eval mode."""
    for owner in (model, strategy):
        owner.train()
        for name, parameter in owner.named_parameters():
            parameter.requires_grad_(not any(matches(pattern, name) for pattern in patterns))
        for name, module in owner.named_modules():
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                module.eval()


def _stop(stage: Stage, record: Record, metric: str) -> str:
    """Say why training ends here, or ''."""
    rule = stage.settings.early_stopping
    if rule is None:
        return ""
    watched = metric if rule.watch == "selection" else rule.watch
    if f"valid/{watched}" not in record.epochs[-1]:
        return ""
    sign = -1 if watched == "loss" else 1
    scores = [sign * values[f"valid/{watched}"] for values in record.epochs]
    waited = len(scores) - 1 - scores.index(max(scores))
    return f"validation {watched} has not improved for {waited} epochs" if waited >= rule.patience else ""


class Streams:
    """Batch streams of every pool, each with its own generator, made when first drawn from.

    Args:
        domains: corpora as tensors.
        batch_size: of a whole share.
        balance: `sampler` draws classes of labelled pools equally often, and spreads all batches over speakers.
        seed: of all generators.
        augmenter: transforms every batch; None leaves them as the corpora hold them.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        batch_size: int,
        balance: str,
        seed: int,
        augmenter: Augmenter | None = None,
    ) -> None:
        self.domains, self.batch_size, self.balance, self.seed = domains, batch_size, balance, seed
        self.augmenter = augmenter
        self._feeds: dict[Draw, Feed] = {}
        self._reader = ThreadPoolExecutor(1, "batches")  # begins its thread with the first batch that it reads

    def batch(self, draw: Draw) -> Any:
        """Return the next batch of a draw."""
        batch = self._feed(draw).batch()
        return batch if self.augmenter is None else self.augmenter(batch, draw.corpus, draw.pool)

    def steps(self, draws: Sequence[Draw]) -> int:
        """Return the batches that make one pass over the largest pool drawn from."""
        return max(self._feed(draw).stream.steps for draw in draws)

    def state(self) -> dict[str, Any]:
        """Return where every stream is, and the generators of the augmentation."""
        own = [[draw.corpus, draw.pool, draw.share, feed.state()] for draw, feed in self._feeds.items()]
        return {"streams": own, "augmenter": self.augmenter.state() if self.augmenter else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put every stream where it was."""
        for corpus, pool, share, own in state["streams"]:
            self._feed(Draw(corpus, pool, share)).restore(own)
        if self.augmenter is not None:
            self.augmenter.restore(state["augmenter"])

    def _feed(self, draw: Draw) -> Feed:
        """Return the feed of a draw."""
        if draw not in self._feeds:
            domain = self.domains[draw.corpus]
            rows = domain.pools[draw.pool]
            size = max(2, round(self.batch_size * draw.share))
            generator = torch.Generator().manual_seed(self.seed * 1009 + sum(map(ord, f"{draw.corpus}/{draw.pool}")))
            if self.balance == "sampler":
                speakers = domain.table["speaker"].iloc[rows.numpy()].to_list()
                labels = domain.labels[rows].tolist() if draw.pool == "labelled" else [HIDDEN] * len(rows)
                stream: Stream = BalancedStream(rows, size, generator, speakers, labels)
            else:
                stream = BatchStream(rows, size, generator)
            self._feeds[draw] = Feed(stream, domain, self._reader)
        return self._feeds[draw]
