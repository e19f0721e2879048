"""The frame classifier as a perceptron over neighbouring frames. N windows, C channels, n neighbours, F features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, valid_frames, zero_padding
from feature_extractors.pointwise_mlp import PointwiseMLP

__all__ = ["FrameMLP", "check_neighbours"]


class FrameMLP(nn.Module):
    """n neighbouring frames concatenated -> basic blocks of linear layers with batch normalisation, ReLU and dropout.

    A block is D -> W, or expanding D -> W -> 2 W -> W. The first block sees n frames; a window of n frames gives one
    frame, that of its centre, and a clip of T frames gives T - n + 1.

    Args:
        in_channels: C, of a frame.
        neighbours: n, odd.
        layers: blocks after the first.
        width: W, which is F.
        expand: let every block go through twice its width.
        dropout: probability that a unit is dropped.

    Attributes:
        dim: F.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T - n + 1)

    Raises:
        ValueError: for an even number of neighbours, which has no centre, or a window shorter than it.

    Example:
        >>> import torch
        >>> FrameMLP(in_channels=39, neighbours=11, width=64)(torch.randn(8, 39, 11)).features.shape
        torch.Size([8, 64, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        neighbours: int = 11,
        layers: int = 2,
        width: int = 512,
        expand: bool = True,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        check_neighbours(neighbours)
        block = [width, 2 * width, width] if expand else [width]
        self.neighbours = neighbours
        self.mlp = PointwiseMLP(in_channels, block * (layers + 1), dropout=dropout, context=neighbours)
        self.dim = width

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each window or clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        shortest = x.shape[2]
        if lengths is not None and not torch.compiler.is_compiling():
            shortest = int(lengths.min())
        if shortest < self.neighbours:
            raise ValueError(
                f"a window of {shortest} frames was given; this network sees {self.neighbours} neighbours at once"
            )
        x, frames = zero_padding(x, valid), x.shape[2] - self.neighbours + 1
        if lengths is not None:
            valid = valid_frames(lengths - self.neighbours + 1, clips=x.shape[0], frames=frames)
        return Frames.build(self.mlp(x, valid), valid)


def check_neighbours(neighbours: int) -> None:
    """Refuse a number of neighbours that has no centre.

    Raises:
        ValueError: for an even number, or less than one.

    Example:
        >>> check_neighbours(11)
    """
    if neighbours < 1 or neighbours % 2 == 0:
        raise ValueError(f"neighbours is {neighbours}; expected an odd number, so that one frame is in the middle")
