"""Pooling over the real frames of a clip. N clips, F filters, T frames."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["masked_max", "masked_mean"]


def masked_mean(x: Tensor, valid: Tensor | None) -> Tensor:
    """Average the real frames: y = sum_(t < L) x_t / L.

    Args:
        x: values over time. Shape: (N, F, T).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, F)

    Example:
        >>> masked_mean(torch.tensor([[[1.0, 3.0, 99.0]]]), torch.tensor([[True, True, False]]))
        tensor([[2.]])
    """
    if valid is None:
        return x.mean(-1)
    return x.masked_fill(~valid[:, None], 0).sum(-1) / valid.sum(-1, keepdim=True)


def masked_max(x: Tensor, valid: Tensor | None) -> Tensor:
    """Take the largest value over the real frames: y = max_(t < L) x_t.

    Args:
        x: values over time. Shape: (N, F, T).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, F)

    Example:
        >>> masked_max(torch.tensor([[[1.0, 3.0, 99.0]]]), torch.tensor([[True, True, False]]))
        tensor([[3.]])
    """
    return (x if valid is None else x.masked_fill(~valid[:, None], -torch.inf)).amax(-1)
