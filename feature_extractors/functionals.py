"""A perceptron over functionals of a clip, such as eGeMAPS. N clips, C functionals, F features."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.pointwise_mlp import Norm, PointwiseMLP

__all__ = ["Functionals"]


class Functionals(nn.Module):
    """Dense layers with normalisation, ReLU and dropout over one vector of functionals a clip.

    Functionals are statistics of a whole clip (means, deviations, percentiles of pitch, loudness, formants ...), 88 of
    them in eGeMAPS. They come as a clip of one frame; of more frames, each would be taken by itself. Without a layer they
    pass as they are, so that a linear head on them is logistic regression.

    Reference: Eyben et al., The Geneva Minimalistic Acoustic Parameter Set, IEEE Trans. Affective Computing 2016.

    Args:
        in_channels: C, 88 for eGeMAPS.
        widths: of the dense layers; the last is F, and without any F is C.
        norm: `batch`, `layer` or `none`.
        dropout: probability that a unit is dropped.

    Attributes:
        dim: F.

    Shape:
        x (N, C, 1), lengths (N,) or None -> Frames of (N, F, 1)

    Raises:
        ValueError: for an unknown normalisation.

    Example:
        >>> import torch
        >>> Functionals(in_channels=88)(torch.randn(8, 88, 1)).features.shape
        torch.Size([8, 128, 1])
    """

    def __init__(
        self, *, in_channels: int, widths: Sequence[int] = (256, 128), norm: Norm = "layer", dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.mlp = PointwiseMLP(in_channels, widths, norm=norm, dropout=dropout)
        self.dim = self.mlp.dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip, which is one."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        return Frames.build(self.mlp(zero_padding(x, valid), valid), valid)
