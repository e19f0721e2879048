"""A head with one hidden layer. N clips, F filters, E embedding, K classes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames
from feature_extractors.heads import Head
from feature_extractors.pooling import masked_mean

__all__ = ["MLPHead"]


class MLPHead(Head):
    """Masked mean over time, a hidden linear layer with ReLU and dropout, then a linear layer.

    logits = W_2 dropout(relu(W_1 mean_t x_t + b_1)) + b_2.

    Args:
        in_features: F of the extractor.
        in_scales: B of the extractor; this head looks at the features alone.
        classes: K.
        hidden: E, units of the hidden layer.
        dropout: probability that a hidden unit is dropped.

    Shape:
        Frames of (N, F, T) -> (N, K)

    Example:
        >>> import torch
        >>> head = MLPHead(in_features=39, classes=6)
        >>> head(Frames(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40]))).shape
        torch.Size([2, 6])
    """

    def __init__(
        self, *, in_features: int, in_scales: int = 0, classes: int, hidden: int = 100, dropout: float = 0.1
    ) -> None:
        super().__init__(embedding=hidden, classes=classes)
        self.hidden = nn.Linear(in_features, hidden)
        self.dropout = nn.Dropout(dropout)

    def specific(self, frames: Frames) -> Frames:
        """Return the frames as they come: this head has no layers over time."""
        return frames

    def pool(self, specific: Frames) -> Tensor:
        """Return the hidden units, (N, E)."""
        embedding: Tensor = self.dropout(F.relu(self.hidden(masked_mean(specific.features, specific.valid()))))
        return embedding
