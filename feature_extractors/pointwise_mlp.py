"""A multi-layer perceptron over frames, the same at every frame. N clips, D inputs, W outputs, T frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm1d

__all__ = ["Norm", "PointwiseMLP"]

Norm = Literal["batch", "layer", "none"]


class PointwiseMLP(nn.Module):
    """Units of linear layer -> normalisation -> ReLU -> dropout at every frame.

    h_0 = x; h_i = dropout(relu(norm(W_i h_(i-1)))). With a context of n frames, W_1 sees n neighbouring frames at once:
    frame t of the output stands for the frames t to t + n - 1 of the input. Weights start as He's.

    Reference: He et al., Delving Deep into Rectifiers, ICCV 2015 (start of the weights).

    Args:
        in_features: D.
        widths: outputs of each unit; none leaves x as it is.
        norm: `batch` (over the real frames of a batch), `layer` (over the units of a frame) or `none`.
        dropout: probability that a unit is dropped.
        slope: slope of the ReLU below zero (leaky ReLU).
        context: n, frames that the first layer sees.

    Attributes:
        dim: W, outputs of the last unit.

    Shape:
        x (N, D, T), valid (N, T - n + 1) or None -> (N, W, T - n + 1)

    Raises:
        ValueError: for an unknown normalisation.

    Example:
        >>> import torch
        >>> PointwiseMLP(39, [64, 64], norm="layer")(torch.randn(2, 39, 5)).shape
        torch.Size([2, 64, 5])
    """

    def __init__(
        self,
        in_features: int,
        widths: Sequence[int],
        *,
        norm: Norm = "batch",
        dropout: float = 0.0,
        slope: float = 0.0,
        context: int = 1,
    ) -> None:
        super().__init__()
        if norm not in get_args(Norm):
            raise ValueError(f"norm is {norm!r}; expected one of {', '.join(get_args(Norm))}")
        sizes = list(pairwise([in_features, *widths]))
        self.dim = widths[-1] if widths else in_features
        linears = [nn.Conv1d(a, b, 1 if i else context, bias=norm != "batch") for i, (a, b) in enumerate(sizes)]
        for linear in linears:
            nn.init.kaiming_uniform_(linear.weight, a=slope)
        self.linears = nn.ModuleList(linears)
        self.norms = nn.ModuleList(_norm(norm, b) for _, b in sizes) if norm != "none" else None
        self.dropout = nn.Dropout(dropout)
        self.slope = slope

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Apply the units; `valid` marks the real frames of the output."""
        for i, linear in enumerate(self.linears):
            x = linear(x)  # (N, W, T)
            if self.norms is not None:
                x = self.norms[i](x, valid)
            x = self.dropout(F.leaky_relu(x, self.slope) if self.slope else F.relu(x))
        return x


class _FrameNorm(nn.LayerNorm):
    """Layer normalisation over the units of each frame, which needs no mask."""

    def forward(self, input: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: A002 (torch's own name)
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


def _norm(norm: Norm, width: int) -> nn.Module:
    return MaskedBatchNorm1d(width) if norm == "batch" else _FrameNorm(width)
