"""Streams of row indices for the batches of a phase."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["BatchStream"]


class BatchStream:
    """An endless stream of batches of rows: permutation after permutation, cut into batches of one size.

    Every row comes once before any row comes again, and no batch is short, so that BatchNorm and alignment losses
    always see the size that the recipe says.

    Args:
        rows: row indices to draw from, (n,).
        batch_size: rows in a batch; the whole pool where that is smaller.
        generator: the source of randomness.
        weights: draw rows with replacement in these proportions instead, (n,).

    Raises:
        ValueError: for an empty pool.

    Example:
        >>> stream = BatchStream(torch.arange(4), 2, torch.Generator().manual_seed(0))
        >>> sorted(torch.cat([stream.draw(), stream.draw()]).tolist())
        [0, 1, 2, 3]
    """

    def __init__(
        self, rows: Tensor, batch_size: int, generator: torch.Generator, weights: Tensor | None = None
    ) -> None:
        if len(rows) == 0:
            raise ValueError("a stream of batches needs at least one row to draw from")
        self.rows, self.generator, self.weights = rows, generator, weights
        self.batch_size = min(batch_size, len(rows))
        self._left = rows[:0]

    @property
    def steps(self) -> int:
        """Batches that make one pass over the pool."""
        return -(-len(self.rows) // self.batch_size)

    def draw(self) -> Tensor:
        """Return the rows of the next batch, (batch_size,)."""
        if self.weights is not None:
            return self.rows[
                torch.multinomial(self.weights, self.batch_size, replacement=True, generator=self.generator)
            ]
        while len(self._left) < self.batch_size:
            order = torch.randperm(len(self.rows), generator=self.generator)
            self._left = torch.cat([self._left, self.rows[order]])
        batch, self._left = self._left[: self.batch_size], self._left[self.batch_size :]
        return batch
