"""A small BERT encoder over frames. N clips, C input channels, D width, T frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.positions import sinusoidal_positions
from feature_extractors.transformer_encoder import TransformerEncoder

__all__ = ["BERT"]


class BERT(nn.Module):
    """BERT with frames for words: a learned [CLS] token goes before them, and what it becomes is the clip's embedding.

    y = dropout(tanh(W h_[CLS] + b)), where h is the encoder's output for LayerNorm([[CLS]; W_x x_1; ...; W_x x_T] +
    positions). The positions are sinusoidal where BERT's own are learned, so that clips of any length have some. Its
    default size is that of BERT-mini.

    Reference: Devlin et al., BERT, NAACL 2019; sizes: Turc et al., Well-Read Students Learn Better, 2019.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        width: D.
        layers: number of encoder layers.
        heads: number of heads; divides D.
        feedforward: width inside the feed-forward layers, whose activation is GELU.
        dropout: probability that a value is dropped.

    Attributes:
        dim: D, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, D, 1), the clip as one frame

    Raises:
        ValueError: for heads that do not divide D, or lengths that do not fit the batch.

    Example:
        >>> extractor = BERT(in_channels=39, width=64, layers=2)
        >>> extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 64, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        feedforward: int = 1024,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = width
        self.project = nn.Conv1d(in_channels, width, 1)
        self.cls = nn.Parameter(0.02 * torch.randn(width, 1))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.encoder = TransformerEncoder(
            width, layers=layers, heads=heads, feedforward=feedforward, dropout=dropout, activation="gelu"
        )
        self.pooler = nn.Linear(width, width)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = self.project(zero_padding(x, valid))  # (N, D, T)
        x = torch.cat([self.cls.to(x.dtype).expand(len(x), -1, -1), x], dim=2)  # (N, D, 1 + T)
        x = x + sinusoidal_positions(x.shape[2], self.dim, like=x)
        x = self.dropout(self.norm(x.transpose(1, 2))).transpose(1, 2)
        h = self.encoder(x, None if valid is None else F.pad(valid, (1, 0), value=True))[..., 0]  # (N, D)
        return Frames.build(self.dropout(self.pooler(h).tanh())[..., None], None)
