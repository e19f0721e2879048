"""One shared extractor, and a head for each corpus.

Axis letters: N clips, C input channels, T frames, F filters, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from feature_extractors import Frames
from feature_extractors.pooling import masked_mean
from transfer.batch_statistics import BatchStatistics

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
        frames: Frames = self.extractor(features, lengths)
        return frames

    def use_statistics(self, corpus: str) -> None:
        """Let BatchNorm use and update the running statistics of a corpus."""
        if self.statistics is not None:
            self.statistics.use(corpus, training=self.training)

    def forward(self, features: Tensor, lengths: Tensor, corpus: str) -> Tensor:
        """Return the logits (N, K) of a corpus's head."""
        logits: Tensor = self.head(corpus)(self.universal(features, lengths, corpus))
        return logits

    @torch.no_grad()
    def embed(self, features: Tensor, lengths: Tensor, corpus: str) -> dict[str, Tensor]:
        """Return the pooled representation at each level: universal (N, F), specific (N, E) and logits (N, K)."""
        frames = self.universal(features, lengths, corpus)
        head: Any = self.head(corpus)
        specific = head.specific(frames)
        return {
            "universal": masked_mean(frames.features, frames.valid()),
            "specific": head.pool(specific),
            "logits": head.classify(specific),
        }
