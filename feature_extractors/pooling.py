"""Pooling over the real frames of a clip. N clips, F filters, T frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_extractors.frames import zero_padding

__all__ = ["masked_max", "masked_mean", "max_pool"]


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
    wide = torch.promote_types(x.dtype, torch.float32)  # 16 bits would overflow, as they do not in a mean
    total = x.masked_fill(~valid[:, None], 0).sum(-1, dtype=wide)
    return (total / valid.sum(-1, keepdim=True)).to(x.dtype)


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


def max_pool(x: Tensor, valid: Tensor | None, *, size: int) -> tuple[Tensor, Tensor | None]:
    """Keep the largest value of every window of frames, the last window being what is left of the clip.

    y_t = max_(t size <= s < min((t + 1) size, L)) x_s, so that a clip of L frames becomes one of ceil(L / size).

    Args:
        x: values over time. Shape: (N, F, T).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).
        size: of a window, in frames.

    Shape:
        (N, F, ceil(T / size)), zero in the padding, and its mask of real frames

    Example:
        >>> max_pool(torch.tensor([[[-1.0, -3.0, -2.0, 99.0]]]), torch.tensor([[True, True, True, False]]), size=2)
        (tensor([[[-1., -2.]]]), tensor([[True, True]]))
    """
    if valid is None:
        return F.max_pool1d(x, size, ceil_mode=True), None
    pooled = F.max_pool1d(x.masked_fill(~valid[:, None], -torch.inf), size, ceil_mode=True)
    valid = valid[:, ::size]  # a window is real where its first frame is
    return zero_padding(pooled, valid), valid
