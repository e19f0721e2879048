"""Batches of one draw: gathered in memory, or read from the disk while the step before them is computed."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from torch import Tensor

from transfer.data.domain import Batch, Domain
from transfer.data.sampling import Stream
from transfer.data.stored_domain import StoredDomain

__all__ = ["Feed"]


class Feed:
    """The batches whose rows a stream draws. Where they are read from the disk, that of the next step is read ahead.

    Args:
        stream: draws the rows.
        domain: gathers them.
        reader: the thread that reads ahead.

    Example:
        >>> import torch
        >>> from transfer.data.sampling import BatchStream
        >>> rows, none = torch.arange(2), torch.zeros(2, dtype=torch.int64)
        >>> domain = Domain("a", ("x",), torch.zeros(2, 1, 4), none + 4, none, {"any": rows}, None)
        >>> Feed(BatchStream(rows, 2, torch.Generator()), domain, ThreadPoolExecutor(1)).batch().features.shape
        torch.Size([2, 1, 4])
    """

    def __init__(self, stream: Stream, domain: Domain, reader: ThreadPoolExecutor) -> None:
        self.stream, self.domain, self.reader = stream, domain, reader
        self._next: Tensor | None = None  # rows that were drawn ahead
        self._read: Future[Tensor] | None = None

    def batch(self) -> Batch:
        """Return the next batch."""
        rows, read = self.stream.draw() if self._next is None else self._next, self._read
        self._next = self._read = None
        if not isinstance(self.domain, StoredDomain):
            return self.domain.batch(rows)
        features = self.domain.read(rows) if read is None else read.result()
        self._next = self.stream.draw()
        self._read = self.reader.submit(self.domain.read, self._next)
        return self.domain.standardised(rows, features)

    def state(self) -> dict[str, Any]:
        """Return where it is: the stream, and the rows that it has drawn for a batch to come."""
        return {"stream": self.stream.state(), "next": self._next}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put it where it was."""
        self.stream.restore(state["stream"])
        self._next, self._read = state["next"], None
