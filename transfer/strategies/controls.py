"""The two controls that every comparison needs: training on the target alone, and on the source alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from transfer.strategies.base import Phase, Strategy

__all__ = ["Scratch", "SourceOnly"]


class Scratch(Strategy):
    """Extractor and head are trained on the target alone.

    Example:
        >>> Scratch.needs_source, Scratch.needs_target_labels
        (False, True)
    """

    fits: ClassVar[bool] = True
    learns_from: ClassVar[tuple[str, ...]] = ("target",)
    needs_source: ClassVar[bool] = False
    needs_target_labels: ClassVar[bool] = True

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass over the labelled target slices."""
        return [self.task_phase()]


class SourceOnly(Strategy):
    """Extractor and head are trained on the source alone and tested on the target's shared classes.

    Example:
        >>> SourceOnly.learns_from
        ('source',)
    """

    fits: ClassVar[bool] = True
    learns_from: ClassVar[tuple[str, ...]] = ("source",)

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass over the labelled source slices."""
        return [Phase("source", self.source_draws(), lambda batches, p: self.source_terms(batches))]
