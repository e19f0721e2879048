"""One shared extractor, and a head for each corpus.

Axis letters: N clips, C input channels, T frames, F filters, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from feature_extractors import Frames
from feature_extractors.pooling import masked_mean
from transfer.batch_statistics import BatchStatistics
from transfer.shards import Shards

__all__ = ["TransferModel"]


class TransferModel(nn.Module):
    """A shared universal extractor with dataset-specific heads.

    Args:
        extractor: maps (N, C, T) and lengths to `Frames`.
        heads: corpus name -> head; corpora that share a head are named in `shares`.
        shares: corpus name -> the corpus whose head it uses.
        separate_statistics: keep BatchNorm running statistics for each corpus, where each corpus that was never
            trained on falls back to those of the first of `order` that was.
        order: all corpora, sources first.

    Example:
        >>> import torch
        >>> from feature_extractors import EXTRACTORS, HEADS
        >>> extractor = EXTRACTORS["multi_tim"](in_channels=13, mode="plain", blocks=2)
        >>> head = HEADS["temporal"](in_features=extractor.dim, in_scales=2, classes=6, blocks=1)
        >>> model = TransferModel(extractor, {"casia": head}, order=["casia"])
        >>> model(torch.zeros(4, 13, 30), torch.tensor([30, 12, 30, 9]), "casia").shape
        torch.Size([4, 6])
    """

    def __init__(
        self,
        extractor: nn.Module,
        heads: Mapping[str, nn.Module],
        *,
        order: Sequence[str],
        shares: Mapping[str, str] | None = None,
        separate_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.extractor = extractor
        self.heads = nn.ModuleDict(heads)
        self.shares = dict(shares or {})
        self.corpora = tuple(order)
        self.statistics = BatchStatistics([extractor, *self.heads.values()], order) if separate_statistics else None
        self.shards: Shards | None = None  # set where several processes compute a batch together

    def head(self, corpus: str) -> nn.Module:
        """Return the head of a corpus."""
        return self.heads[self.shares.get(corpus, corpus)]

    def universal(self, features: Tensor, lengths: Tensor, corpus: str) -> Frames:
        """Return the universal features.

        Args:
            features: (N, C, T).
            lengths: valid frames of each clip, (N,).
            corpus: whose clips these are; matters only where BatchNorm statistics are kept apart.
        """
        self.use_statistics(corpus)
        frames: Frames = self._computed(self.extractor, features, lengths)
        return frames

    def use_statistics(self, corpus: str) -> None:
        """Let BatchNorm use and update the running statistics of a corpus."""
        if self.statistics is not None:
            self.statistics.use(corpus, training=self.training)

    def forward(self, features: Tensor, lengths: Tensor, corpus: str) -> Tensor:
        """Return the logits (N, K) of a corpus's head."""
        self.use_statistics(corpus)
        head = self.head(corpus)
        logits: Tensor = self._computed(lambda x, n: head(self.extractor(x, n)), features, lengths)
        return logits

    def levels(self, features: Tensor, lengths: Tensor, corpus: str) -> tuple[Frames, Frames, Tensor]:
        """Return universal frames, specific frames, both without their scales, and the logits (N, K)."""
        self.use_statistics(corpus)
        head: Any = self.head(corpus)

        def every(x: Tensor, n: Tensor) -> tuple[Frames, Frames, Tensor]:
            universal = self.extractor(x, n)
            specific = head.specific(universal)
            return universal._replace(scales=None), specific._replace(scales=None), head.classify(specific)

        found: tuple[Frames, Frames, Tensor] = self._computed(every, features, lengths)
        return found

    def _computed(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Return what a function of rows makes of a batch, each process computing its share where there are several."""
        return function(*tensors) if self.shards is None else self.shards.compute(function, *tensors)

    @torch.no_grad()
    def embed(self, features: Tensor, lengths: Tensor, corpus: str) -> dict[str, Tensor]:
        """Return the pooled representation at each level: universal (N, F), specific (N, E) and logits (N, K)."""
        self.use_statistics(corpus)
        head: Any = self.head(corpus)

        def every(x: Tensor, n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            frames = self.extractor(x, n)
            specific = head.specific(frames)
            return masked_mean(frames.features, frames.valid()), head.pool(specific), head.classify(specific)

        found = self._computed(every, features, lengths)
        return dict(zip(("universal", "specific", "logits"), found, strict=True))
