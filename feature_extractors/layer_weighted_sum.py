"""Learned mixture of a network's layers. N clips, D width, T frames, J layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["LayerWeightedSum"]


class LayerWeightedSum(nn.Module):
    """Weighted sum of the outputs of all layers, the weights adding up to one.

    y = sum_j softmax(w)_j x_j, starting at the mean.

    Reference: Peters et al., Deep Contextualized Word Representations, NAACL 2018; for speech: Yang et al., SUPERB,
    Interspeech 2021.

    Args:
        layers: J.

    Shape:
        J tensors (N, D, T) -> (N, D, T)

    Raises:
        ValueError: for less than two layers, or as many tensors as there are no weights for.

    Example:
        >>> LayerWeightedSum(2)([torch.zeros(1, 1, 3), torch.ones(1, 1, 3)])
        tensor([[[0.5000, 0.5000, 0.5000]]], grad_fn=<SumBackward1>)
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        if layers < 2:
            raise ValueError(f"layers is {layers}; there is nothing to weigh in less than two layers")
        self.weight = nn.Parameter(torch.zeros(layers))

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Mix the outputs of the layers, first layer first."""
        if len(outputs) != len(self.weight):
            raise ValueError(f"{len(outputs)} layers were given; this sum was built for {len(self.weight)}")
        stacked = torch.stack(tuple(outputs))  # (J, N, D, T)
        return (self.weight.softmax(0).to(stacked.dtype).view(-1, *[1] * (stacked.ndim - 1)) * stacked).sum(0)
