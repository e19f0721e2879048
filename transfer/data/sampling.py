"""Streams of row indices for the batches of a phase."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["BalancedStream", "BatchStream", "Stream"]


class Stream(Protocol):
    """What a phase draws its batches from."""

    @property
    def steps(self) -> int:
        """Batches that make one pass over the pool."""

    def draw(self) -> Tensor:
        """Return the rows of the next batch, (batch_size,)."""

    def state(self) -> dict[str, Any]:
        """Return where it is, generator and all."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put it where it was."""


class BatchStream:
    """An endless stream of batches of rows: permutation after permutation, cut into batches of one size.

    Every row comes once before any row comes again, and no batch is short, so that BatchNorm and alignment losses
    always see the size that the recipe says.

    Args:
        rows: row indices to draw from, (n,).
        batch_size: rows in a batch; the whole pool where that is smaller.
        generator: the source of randomness.

    Raises:
        ValueError: for an empty pool.

    Example:
        >>> stream = BatchStream(torch.arange(4), 2, torch.Generator().manual_seed(0))
        >>> sorted(torch.cat([stream.draw(), stream.draw()]).tolist())
        [0, 1, 2, 3]
    """

    def __init__(self, rows: Tensor, batch_size: int, generator: torch.Generator) -> None:
        if len(rows) == 0:
            raise ValueError("a stream of batches needs at least one row to draw from")
        self.rows, self.generator = rows, generator
        self.batch_size = min(batch_size, len(rows))
        self._left = rows[:0]

    @property
    def steps(self) -> int:
        """Batches that make one pass over the pool."""
        return -(-len(self.rows) // self.batch_size)

    def draw(self) -> Tensor:
        """Return the rows of the next batch, (batch_size,)."""
        while len(self._left) < self.batch_size:
            order = torch.randperm(len(self.rows), generator=self.generator)
            self._left = torch.cat([self._left, self.rows[order]])
        batch, self._left = self._left[: self.batch_size], self._left[self.batch_size :]
        return batch

    def state(self) -> dict[str, Any]:
        """Return where it is, generator and all."""
        return {"left": self._left, "generator": self.generator.get_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put it where it was."""
        self._left = state["left"]
        self.generator.set_state(state["generator"])


class BalancedStream:
    """Batches that hold every class equally often, and of each class as many speakers as there are.

    A batch that two speakers crowd tells an alignment loss who they are, not what their corpora sound like. Numbers of
    slices by class differ by one at most; a slot of a class goes to its speaker who stands least often in the batch so
    far, and of those to the one drawn least often before. A speaker's slices of a class all come before any comes again.

    Args:
        rows: row indices to draw from, (n,).
        batch_size: rows in a batch; the whole pool where that is smaller.
        generator: the source of randomness.
        speakers: speaker of each row, (n,); unknown ones ('') count as one each.
        classes: class of each row, (n,); all the same where labels are withheld.

    Raises:
        ValueError: for an empty pool.

    Example:
        >>> stream = BalancedStream(torch.arange(6), 4, torch.Generator().manual_seed(0), list("aaabcd"), [0] * 6)
        >>> sorted("aaabcd"[row] for row in stream.draw())
        ['a', 'b', 'c', 'd']
    """

    def __init__(
        self,
        rows: Tensor,
        batch_size: int,
        generator: torch.Generator,
        speakers: Sequence[str],
        classes: Sequence[int],
    ) -> None:
        if len(rows) == 0:
            raise ValueError("a stream of batches needs at least one row to draw from")
        self.rows, self.generator = rows, generator
        self.batch_size = min(batch_size, len(rows))
        self._members: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, speaker, label in zip(rows.tolist(), speakers, classes, strict=True):
            self._members[label][speaker or f"/{row}"].append(row)
        self._queues: dict[tuple[int, str], deque[int]] = defaultdict(deque)
        self._drawn: dict[tuple[int, str], int] = defaultdict(int)
        self._turn = 0

    @property
    def steps(self) -> int:
        """Batches that make one pass over the pool."""
        return -(-len(self.rows) // self.batch_size)

    def draw(self) -> Tensor:
        """Return the rows of the next batch, (batch_size,)."""
        labels = sorted(self._members)
        turns = [labels[(self._turn + i) % len(labels)] for i in range(self.batch_size)]
        self._turn = (self._turn + self.batch_size) % len(labels)  # the classes that get one more take turns
        turns.sort(key=lambda label: len(self._members[label]))  # those with fewer speakers choose first
        here: dict[str, int] = defaultdict(int)
        batch = []
        for label in turns:
            speakers = list(self._members[label])
            order = [speakers[i] for i in torch.randperm(len(speakers), generator=self.generator)]
            speaker = min(order, key=lambda name: (here[name], self._drawn[label, name]))
            here[speaker] += 1
            self._drawn[label, speaker] += 1
            batch.append(self._next(label, speaker))
        shuffled = torch.randperm(len(batch), generator=self.generator)
        return torch.tensor(batch)[shuffled]

    def state(self) -> dict[str, Any]:
        """Return where it is, generator and all."""
        return {
            "queues": [[*where, list(queue)] for where, queue in self._queues.items()],
            "drawn": [[*where, count] for where, count in self._drawn.items()],
            "turn": self._turn,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put it where it was."""
        self._queues.clear()
        self._drawn.clear()
        for label, speaker, queue in state["queues"]:
            self._queues[label, speaker].extend(queue)
        for label, speaker, count in state["drawn"]:
            self._drawn[label, speaker] = count
        self._turn = state["turn"]
        self.generator.set_state(state["generator"])

    def _next(self, label: int, speaker: str) -> int:
        """Return a speaker's next slice of a class."""
        queue = self._queues[label, speaker]
        if not queue:
            members = self._members[label][speaker]
            queue.extend(members[i] for i in torch.randperm(len(members), generator=self.generator))
        return queue.popleft()
