"""Positions for networks that would not know the order of frames. N clips, D width, T frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["sinusoidal_positions"]


def sinusoidal_positions(frames: int, dim: int, *, like: Tensor | None = None) -> Tensor:
    """Give every frame a vector of its own, computed and not learned, so that clips of any length have positions.

    p_(2i, t) = sin(t / 10000^(2i/D)), p_(2i+1, t) = cos(t / 10000^(2i/D)).

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.5.

    Args:
        frames: T.
        dim: D.
        like: a tensor whose device and dtype the result has; None stands for single precision on the CPU.

    Shape:
        (D, T), to be added to (N, D, T)

    Example:
        >>> sinusoidal_positions(3, 2)[1].acos()
        tensor([0., 1., 2.])
    """
    device = None if like is None else like.device
    dtype = torch.promote_types(torch.float32, torch.float32 if like is None else like.dtype)  # half cannot count far
    channel = torch.arange(dim, device=device)
    rate = torch.exp((channel - channel % 2).to(dtype) * (-math.log(10000) / dim))  # (D,)
    angle = rate[:, None] * torch.arange(frames, device=device, dtype=dtype)  # (D, T)
    positions = torch.where((channel % 2 == 0)[:, None], angle.sin(), angle.cos())
    return positions if like is None else positions.to(like.dtype)
