"""The frame classifier as an LSTM over neighbouring frames. N windows, C channels, n neighbours, F features."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.lstm import MaskedLSTM
from feature_extractors.pointwise_mlp import PointwiseMLP

__all__ = ["FrameBiLSTM", "Read"]

Read = Literal["ends", "last"]


class FrameBiLSTM(nn.Module):
    """BiLSTM over a window of frames -> its last state -> ReLU -> layer normalisation -> dropout -> basic blocks.

    Weights start as Xavier's (input), orthogonal (recurrent) and zero (bias).

    Args:
        in_channels: C, of a frame.
        units: units of the LSTM in each direction.
        lstm_layers: layers of the LSTM.
        layers: basic blocks (linear layer, batch normalisation, ReLU, dropout) after the first.
        width: F, units of a basic block.
        dropout: probability that a unit is dropped.
        read: `ends`, the last state of each direction; `last`, both directions at the last frame, where the backward
            one of the last layer has seen that frame alone and its recurrent weights learn nothing.

    Attributes:
        dim: F.

    Shape:
        x (N, C, n), lengths (N,) or None -> Frames of (N, F, 1)

    Raises:
        ValueError: for an unknown way to read.

    Example:
        >>> import torch
        >>> FrameBiLSTM(in_channels=39, units=16, width=32)(torch.randn(8, 39, 11)).features.shape
        torch.Size([8, 32, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        units: int = 512,
        lstm_layers: int = 5,
        layers: int = 4,
        width: int = 1024,
        dropout: float = 0.25,
        read: Read = "ends",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        if read not in get_args(Read):
            raise ValueError(f"read is {read!r}; expected one of {', '.join(get_args(Read))}")
        self.read = read
        self.lstm = MaskedLSTM(in_channels, units, layers=lstm_layers, bidirectional=True, dropout=dropout)
        self.norm = nn.LayerNorm(self.lstm.dim)
        self.dropout = nn.Dropout(dropout)
        self.mlp = PointwiseMLP(self.lstm.dim, [width] * (layers + 1), dropout=dropout)
        self.dim = width
        for name, parameter in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            else:
                (nn.init.xavier_uniform_ if "weight_ih" in name else nn.init.orthogonal_)(parameter)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each window."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        y = self.lstm(zero_padding(x, valid), valid)  # (N, 2 units, n)
        lengths = torch.full((len(x),), x.shape[2], device=x.device) if lengths is None else lengths.long()
        if self.read == "ends":
            state = self.lstm.ends(y, lengths)  # (N, 2 units)
        else:
            state = y.gather(2, (lengths - 1)[:, None, None].expand(-1, y.shape[1], 1))[..., 0]
        state = self.dropout(self.norm(F.relu(state)))
        return Frames.build(self.mlp(state[..., None]), None)
