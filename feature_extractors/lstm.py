"""LSTM that neither direction of which sees padding. N clips, F inputs, H units, T frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from feature_extractors.frames import reverse_time, zero_padding

__all__ = ["MaskedLSTM"]


class MaskedLSTM(nn.Module):
    """Long short-term memory over the real frames of a padded batch, in one or both directions.

    The forward direction runs over the padding, which comes after every real frame; the backward one runs forward over
    each clip reversed within its own length. Both give what `torch.nn.LSTM` gives for each clip alone, without packed
    sequences, which would wait for the lengths on the CPU.

    Reference: Hochreiter and Schmidhuber, Neural Computation 1997; Schuster and Paliwal, IEEE TSP 1997 (bidirectional).

    Args:
        in_features: F.
        units: H, in each direction.
        layers: number of layers.
        bidirectional: also run backwards.
        dropout: probability that an output of a layer other than the last is dropped.

    Attributes:
        dim: channels of the output: H, or 2 H with both directions.

    Shape:
        x (N, F, T), valid (N, T) or None -> (N, dim, T), zero in the padding

    Raises:
        ValueError: for less than one layer.

    Example:
        >>> MaskedLSTM(39, 16, bidirectional=True)(torch.randn(2, 39, 5)).shape
        torch.Size([2, 32, 5])
    """

    def __init__(
        self, in_features: int, units: int, *, layers: int = 1, bidirectional: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}; an LSTM needs at least one layer")
        self.units = units
        self.dim = units * (2 if bidirectional else 1)
        sizes = [in_features, *[self.dim] * (layers - 1)]
        self.forwards = nn.ModuleList(nn.LSTM(size, units, batch_first=True) for size in sizes)
        self.backwards = (
            nn.ModuleList(nn.LSTM(size, units, batch_first=True) for size in sizes) if bidirectional else None
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the output of every frame; `valid` marks the real frames."""
        for i, ahead in enumerate(self.forwards):
            x = self.dropout(x) if i else x
            y = _run(ahead, x)  # (N, H, T)
            if self.backwards is not None:
                back = reverse_time(_run(self.backwards[i], reverse_time(x, valid)), valid)
                y = torch.cat([y, back], dim=1)  # (N, 2 H, T)
            x = y
        return zero_padding(x, valid)

    def ends(self, y: Tensor, lengths: Tensor) -> Tensor:
        """Return the last state of each direction: forward at a clip's last frame, backward at its first.

        Args:
            y: what `forward` gave. Shape: (N, dim, T).
            lengths: real frames of each clip. Shape: (N,).

        Returns:
            The states, one direction after the other. Shape: (N, dim).
        """
        last = (lengths - 1)[:, None, None].expand(-1, self.units, 1)
        ahead = y[:, : self.units].gather(2, last)[..., 0]  # (N, H)
        return ahead if self.backwards is None else torch.cat([ahead, y[:, self.units :, 0]], dim=1)


def _run(lstm: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = lstm(x.transpose(1, 2))[0]  # (N, T, H)
    return y.transpose(1, 2)
