"""Everything that decides how a stage of training goes on: captured at any step, and put back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from transfer.keeper import Record
from transfer.randomness import random_state, restore_random_state
from transfer.strategies import Strategy

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["LoopState", "Position", "Resumable"]


class Resumable(Protocol):
    """What can be put where it was."""

    def state(self) -> dict[str, Any]:
        """Return where it is."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put it where it was."""


@dataclass
class Position:
    """How far an epoch has come: steps taken, and the values of every term so far."""

    done: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)


class LoopState:
    """A stage in the middle of its training.

    Args:
        strategy: owner of the model and of its own modules.
        optimizers: by name, set up by fabric.
        streams: of batches.
        fabric: precision, with the scale of float16 gradients.
        record: of the stage so far.
        watched: what else goes on where it was.

    Attributes:
        best: the best score so far, higher is better.
        kept: the weights that had it.
    """

    def __init__(
        self,
        strategy: Strategy,
        optimizers: Mapping[str, Any],
        streams: Resumable,
        fabric: Fabric,
        record: Record,
        watched: Resumable | None,
    ) -> None:
        self.strategy, self.optimizers, self.streams, self.fabric = strategy, optimizers, streams, fabric
        self.record, self.watched = record, watched
        self._saved: Mapping[str, Any] = {}
        self.best = -math.inf
        self.kept: dict[str, Tensor] | None = None

    def capture(self, epoch: int, position: Position) -> dict[str, Any]:
        """Return the state before the step at a position of an epoch."""
        return {
            "epoch": epoch,
            "position": asdict(position),
            "record": asdict(self.record),
            "best": self.best,
            "kept": self.kept,
            "model": self.strategy.setting.model.state_dict(),
            "strategy": self.strategy.state_dict(),
            "progress": self.strategy.progress(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "precision": self.fabric._precision.state_dict(),
            "streams": self.streams.state(),
            "watched": self.watched.state() if self.watched else None,
            "random": random_state(),
        }

    def restore(self, saved: Mapping[str, Any] | None) -> tuple[int, Position]:
        """Put everything where it was, and return the epoch and the position in it; of None, the beginning."""
        if saved is None:
            return 0, Position()
        self._saved = saved
        self.record = Record(**saved["record"])
        self.best, self.kept = saved["best"], saved["kept"]
        self.strategy.setting.model.load_state_dict(saved["model"])
        self.strategy.load_state_dict(saved["strategy"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        self.fabric._precision.load_state_dict(saved["precision"])
        self.streams.restore(saved["streams"])
        if self.watched is not None:
            self.watched.restore(saved["watched"])
        position = Position(**saved["position"])
        if not position.done:  # the epoch has not been planned yet
            self.settle()
        return int(saved["epoch"]), position

    def settle(self) -> None:
        """Put back what planning an epoch may move; within an epoch, when its phases have been asked for anew."""
        if self._saved:
            self.strategy.restore_progress(self._saved["progress"])
            restore_random_state(self._saved["random"])
            self._saved = {}
