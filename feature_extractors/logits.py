"""Logits are what a loss wants. N clips, F filters, T frames, B scales, K classes."""

from __future__ import annotations

import torch
from torch import nn

from feature_extractors.frames import Frames

__all__ = ["refuse_softmax"]


def refuse_softmax(head: nn.Module, *, in_features: int, in_scales: int = 0) -> None:
    """Refuse a head that ends in a softmax, whose cross-entropy would take a second one.

    A softmax may be a layer or a call, so the outputs are looked at: they are probabilities where none is negative and
    all clips have a sum of one.

    Args:
        head: maps Frames to (N, K).
        in_features: F of the frames it takes.
        in_scales: B of the frames it takes, 0 for none.

    Raises:
        ValueError: where the outputs are probabilities.

    Example:
        >>> from feature_extractors.heads import LinearHead
        >>> refuse_softmax(LinearHead(in_features=39, classes=6), in_features=39)
    """
    draw = torch.Generator().manual_seed(0)  # the draws of the run stay what they are
    features = torch.randn(4, in_features, 8, generator=draw)
    scales = torch.randn(4, in_features, 8, in_scales, generator=draw) if in_scales else None
    training = head.training
    with torch.no_grad():
        outputs = head.eval()(Frames(features, torch.full((4,), 8), scales, padded=False))
    head.train(training)
    if outputs.is_meta:  # shapes alone: there is nothing to look at
        return
    if (outputs >= 0).all() and (outputs.sum(1) - 1).abs().max() < 1e-3:
        raise ValueError(
            f"{type(head).__name__} gives probabilities, as if it ended in a softmax; losses take logits and have a "
            "softmax of their own: end in the linear layer"
        )
