"""Where an alignment loss acts: universal output, after the specific stack, logits; pooled or flattened.

Axis letters: N slices, F filters, T frames, K classes, d width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from feature_extractors import Frames
from feature_extractors.pooling import masked_mean
from transfer.model import TransferModel

__all__ = ["Level", "Levels", "Pooling", "pooled", "width"]

Level = Literal["universal", "specific", "logits", "probabilities"]
Pooling = Literal["pooled", "flattened"]


def pooled(frames: Frames, how: Pooling, length: int) -> Tensor:
    """Return one row a slice: the mean over its valid frames (N, F), or all frames, zero-padded (N, F * length).

    Args:
        frames: features of a batch.
        how: which.
        length: frames to pad to, for `flattened`.

    Example:
        >>> import torch
        >>> pooled(Frames(torch.tensor([[[1.0, 3.0, 0.0]]]), torch.tensor([2])), "pooled", 3)
        tensor([[2.]])
    """
    if how == "flattened":
        return F.pad(frames.features, (0, length - frames.features.shape[-1])).flatten(1)
    return masked_mean(frames.features, frames.valid())


class Levels(NamedTuple):
    """What a batch is at every level: universal frames, specific frames, logits (N, K)."""

    universal: Frames
    specific: Frames
    logits: Tensor

    def rows(self, level: Level, how: Pooling, length: int) -> Tensor:
        """Return one row a slice at a level, (N, d).

        Args:
            level: which.
            how: pooling of the frames; logits and probabilities have none left.
            length: frames that flattening pads to.
        """
        if level == "logits":
            return self.logits
        if level == "probabilities":
            return self.logits.softmax(1)
        return pooled(self.universal if level == "universal" else self.specific, how, length)


def width(model: TransferModel, corpus: str, level: Level, how: Pooling, length: int) -> int:
    """Return d, the width of a row at a level."""
    if level in ("logits", "probabilities"):
        return int(model.head(corpus).classifier.out_features)  # type: ignore[union-attr, arg-type]
    dim = int(model.extractor.dim)  # type: ignore[arg-type]
    return dim if how == "pooled" else dim * length
