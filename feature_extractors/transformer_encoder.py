"""The Transformer encoder with a mask of real frames. N clips, D width, T frames, J layers."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.attention import MultiHeadAttention
from feature_extractors.layer_weighted_sum import LayerWeightedSum
from feature_extractors.positions import sinusoidal_positions

__all__ = ["Activation", "EncoderLayer", "FeedForward", "TransformerEncoder"]

Activation = Literal["relu", "gelu"]


class FeedForward(nn.Module):
    """Two linear layers for every frame alone, with residual and layer normalisation.

    y = LayerNorm(x + W_2 activation(W_1 x + b_1) + b_2); dropout falls after the activation and on what is added.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.3.

    Args:
        dim: D.
        hidden: width between the layers.
        dropout: probability that a value is dropped.
        activation: `relu` or `gelu`.

    Shape:
        (N, T, D) -> (N, T, D)

    Raises:
        ValueError: for an unknown activation, or no hidden unit.

    Example:
        >>> import torch
        >>> FeedForward(8, hidden=32)(torch.randn(2, 50, 8)).shape
        torch.Size([2, 50, 8])
    """

    def __init__(self, dim: int, *, hidden: int, dropout: float = 0.1, activation: Activation = "relu") -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"feedforward is {hidden}; this network needs at least one unit between the two layers")
        if activation not in ("relu", "gelu"):
            raise ValueError(f"unknown activation {activation!r}; choose one of relu, gelu")
        self.widen = nn.Linear(dim, hidden)
        self.narrow = nn.Linear(hidden, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply both layers."""
        hidden = self.widen(x)  # (N, T, hidden)
        hidden = F.relu(hidden) if self.activation == "relu" else F.gelu(hidden)
        normed: Tensor = self.norm(x + self.dropout(self.narrow(self.dropout(hidden))))
        return normed


class EncoderLayer(nn.Module):
    """Self-attention, then the feed-forward layers, each with residual and layer normalisation after it.

    Given the same weights it computes what `torch.nn.TransformerEncoderLayer` does at the real frames.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.1.

    Args:
        dim: D.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        dropout: probability that a value is dropped.
        activation: `relu` or `gelu`.

    Shape:
        x (N, T, D), valid (N, T) or None -> (N, T, D)

    Example:
        >>> import torch
        >>> EncoderLayer(8, heads=2, feedforward=32)(torch.randn(2, 50, 8)).shape
        torch.Size([2, 50, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        head_width: int | None = None,
        feedforward: int,
        dropout: float = 0.1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(dim, heads=heads, head_width=head_width, dropout=dropout)
        self.feed_forward = FeedForward(dim, hidden=feedforward, dropout=dropout, activation=activation)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Apply the layer; `valid` marks the real frames."""
        y: Tensor = self.feed_forward(self.attention(x, valid))
        return y


class TransformerEncoder(nn.Module):
    """Encoder layers in sequence, over (N, D, T) as convolutions have it.

    The output is that of the last layer, or the learned weighted sum of all. Without positions an encoder does not know
    the order of frames.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Args:
        dim: D.
        layers: J.
        heads: number of heads; divides D unless their width is given.
        head_width: channels of a head; None stands for an equal share of the width.
        feedforward: width inside the feed-forward layers.
        dropout: probability that a value is dropped.
        activation: `relu` or `gelu`.
        positions: add sinusoidal positions to the input.
        weighted_sum: return the learned weighted sum over all layers.

    Shape:
        x (N, D, T), valid (N, T) or None -> (N, D, T)

    Raises:
        ValueError: for less than one layer (weighted sum: two), heads that do not divide D, or an unknown activation.

    Example:
        >>> import torch
        >>> TransformerEncoder(8, layers=2, heads=2, feedforward=32)(torch.randn(2, 8, 50)).shape
        torch.Size([2, 8, 50])
    """

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 3,
        heads: int = 8,
        head_width: int | None = None,
        feedforward: int = 1024,
        dropout: float = 0.1,
        activation: Activation = "relu",
        positions: bool = False,
        weighted_sum: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}; an encoder needs at least one layer")
        self.layers = nn.ModuleList(
            EncoderLayer(
                dim,
                heads=heads,
                head_width=head_width,
                feedforward=feedforward,
                dropout=dropout,
                activation=activation,
            )
            for _ in range(layers)
        )
        self.positions = positions
        self.weighted_sum = LayerWeightedSum(layers) if weighted_sum else None

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Encode; `valid` marks the real frames."""
        outputs = self.outputs(x, valid)
        return outputs[-1] if self.weighted_sum is None else self.weighted_sum(outputs)

    def outputs(self, x: Tensor, valid: Tensor | None = None) -> list[Tensor]:
        """Return the outputs of all layers, J tensors (N, D, T)."""
        if self.positions:
            x = x + sinusoidal_positions(x.shape[2], x.shape[1], like=x)
        x, outputs = x.transpose(1, 2), []
        for layer in self.layers:
            x = layer(x, valid)  # (N, T, D)
            outputs.append(x.transpose(1, 2))
        return outputs
