"""Masking of input frames in training. N clips, C channels, T frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FrameMasking", "mask_frames"]


class FrameMasking(nn.Module):
    """In training set a random share of the frames to zero, all channels of a frame at once.

    Every frame is drawn on its own. Unlike dropout the other frames are not scaled up: what is missing is missing.

    Args:
        share: probability that a frame is masked.

    Shape:
        (N, C, T) -> (N, C, T)

    Raises:
        ValueError: for a share outside [0, 1).

    Example:
        >>> masking = FrameMasking(0.2)
        >>> bool((masking(torch.ones(1, 2, 1000)) == 0).any()), bool((masking.eval()(torch.ones(1, 2, 1000)) == 0).any())
        (True, False)
    """

    def __init__(self, share: float = 0.2) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(f"share is {share}; expected a probability in [0, 1)")
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Mask frames."""
        if not self.training or self.share == 0:
            return x
        return mask_frames(x, self.share)


def mask_frames(x: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Set a random share of the frames to zero, all channels of a frame at once.

    Args:
        x: features.
        share: probability that a frame is masked.
        generator: the source of randomness, on the device of x; None is that of torch.

    Shape:
        (N, C, T) -> (N, C, T)

    Example:
        >>> mask_frames(torch.ones(1, 2, 3), 0.0)
        tensor([[[1., 1., 1.],
                 [1., 1., 1.]]])
    """
    masked = torch.rand(x.shape[0], 1, x.shape[2], generator=generator, device=x.device) < share
    return x.masked_fill(masked, 0)
