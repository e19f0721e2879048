"""Local slopes of features over time. N clips, C channels, T frames."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["deltas"]


def deltas(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Slope of the straight line through three neighbouring frames.

    d_t = (x_(t+1) - x_(t-1)) / 2; the first and the last frame take the slope of their neighbour. Clips of two frames
    have the slope between these, clips of one frame have none: zero. Frames past a clip's length are undefined.

    Reference: Savitzky and Golay, Analytical Chemistry 1964; the numbers of librosa.feature.delta with width 3.

    Args:
        x: features. Shape: (..., C, T).
        lengths: number of real frames of each clip, or None where nothing is padded. Shape: (N,), with x (N, C, T).

    Shape:
        (..., C, T)

    Example:
        >>> deltas(torch.tensor([[0.0, 1.0, 4.0, 9.0]]))
        tensor([[2., 2., 4., 4.]])
    """
    if lengths is None:
        if x.shape[-1] < 3:
            return (x[..., -1:] - x[..., :1]).expand_as(x)
        frames = x.shape[-1]
        inner = torch.sub(x.narrow(-1, 2, frames - 2), x.narrow(-1, 0, frames - 2)).mul_(0.5)
        return torch.cat([inner.narrow(-1, 0, 1), inner, inner.narrow(-1, frames - 3, 1)], dim=-1)
    last = (lengths - 1)[:, None]  # (N, 1)
    time = torch.arange(x.shape[-1], device=x.device)
    centre = torch.minimum(time.clamp(min=1), last - 1)  # (N, T)
    before, after = (centre - 1).clamp(min=0), torch.minimum(centre + 1, last)
    span = (after - before).clamp(min=1)[:, None]  # (N, 1, T)
    later, earlier = (x.gather(-1, at[:, None].expand_as(x)) for at in (after, before))
    return (later - earlier) / span
