"""Temporal stacks: temporal-aware blocks in sequence. N clips, C channels, F filters, T frames, B blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from feature_extractors.frames import reverse_time
from feature_extractors.temporal_block import ConvNorm, Residual, TemporalAwareBlock, Variant

__all__ = [
    "AddStack",
    "BiDifferenceStack",
    "ConvStack",
    "DifferenceStack",
    "TemporalStack",
    "differences",
    "stack_scales",
]


class TemporalStack(nn.Module):
    """Temporal-aware blocks in sequence, each level's output being the block's own (mode `plain`).

    f_0 = TAB_0(x), f_j = TAB_j(f_(j-1)); scales (f_0, ..., f_(B-1)). The other modes derive from this class and say
    what a level contributes; the last scale is always what the next stack goes on with.

    Reference: Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023.

    Args:
        in_channels: C.
        filters: F.
        dilations: dilation of each block, in frames; B = len(dilations).
        variant: body of the blocks.
        residual: residual of the blocks.
        dropout: probability that a channel is dropped.

    Shape:
        x (N, C, T), valid (N, T) or None -> (N, F, T, B)

    Raises:
        ValueError: for an empty list of dilations.

    Example:
        >>> stack = TemporalStack(13, 39, dilations=[1, 2, 4])
        >>> stack(torch.randn(2, 13, 50)).shape
        torch.Size([2, 39, 50, 3])
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        *,
        dilations: Sequence[int],
        variant: Variant = "plain",
        residual: Residual = "mul",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not dilations:
            raise ValueError("a temporal stack needs at least one block; dilations is empty")
        self.blocks = nn.ModuleList(
            TemporalAwareBlock(
                in_channels if level == 0 else filters,
                filters,
                dilation=dilation,
                variant=variant,
                residual=residual,
                dropout=dropout,
            )
            for level, dilation in enumerate(dilations)
        )

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return all scales; `valid` marks the real frames."""
        return stack_scales(self.levels(x, valid))

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return what each level contributes, B tensors (N, F, T)."""
        return self.chain(x, valid)

    def chain(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the output of every block, forward in time."""
        outputs = []
        for block in self.blocks:
            x = block(x, valid)  # (N, F, T)
            outputs.append(x)
        return outputs

    def both_directions(self, x: Tensor, valid: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """Return the outputs of every block forward and backward in time, frame t beside frame t.

        The backward pass runs the same blocks on the reversed clips; both run as one batch, so that batch normalisation
        sees one set of statistics.
        """
        both = torch.cat([x, reverse_time(x, valid)])  # (2 N, C, T)
        outputs = self.chain(both, None if valid is None else valid.repeat(2, 1))
        clips = x.shape[0]  # cut by number, not by halves: torch.export then keeps the batch free
        return [y[:clips] for y in outputs], [reverse_time(y[clips:], valid) for y in outputs]


class DifferenceStack(TemporalStack):
    """Mode `diff`: f_j - f_(j-1) for j >= 1, and the last f as it is.

    Arguments and shapes are those of `TemporalStack`.

    Example:
        >>> DifferenceStack(39, 39, dilations=[8, 16])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the differences of neighbouring blocks and the last block's output."""
        return differences(self.chain(x, valid))


class AddStack(TemporalStack):
    """Mode `add`, TIM's own: f_j + b_j, forward and backward in time through the same blocks.

    Arguments and shapes are those of `TemporalStack`.

    Example:
        >>> AddStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the sums of both directions."""
        return [f + b for f, b in zip(*self.both_directions(x, valid), strict=True)]


class BiDifferenceStack(TemporalStack):
    """Mode `bidiff`: forward and backward differences summed, and f + b of the last block.

    Arguments and shapes are those of `TemporalStack`.

    Example:
        >>> BiDifferenceStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return the summed differences; (f_j - f_(j-1)) + (b_j - b_(j-1)) = (f_j + b_j) - (f_(j-1) + b_(j-1))."""
        return differences([f + b for f, b in zip(*self.both_directions(x, valid), strict=True)])


class ConvStack(TemporalStack):
    """Mode `conv`: 1x1 convolution, batch normalisation and ReLU over the channels of f_j and b_j.

    Arguments and shapes are those of `TemporalStack`; every level has a convolution of its own.

    Example:
        >>> ConvStack(39, 39, dilations=[1, 2])(torch.randn(2, 39, 50)).shape
        torch.Size([2, 39, 50, 2])
    """

    def __init__(self, in_channels: int, filters: int, *, dilations: Sequence[int], **options: Any) -> None:
        super().__init__(in_channels, filters, dilations=dilations, **options)
        self.merge = nn.ModuleList(ConvNorm(2 * filters, filters) for _ in dilations)

    def levels(self, x: Tensor, valid: Tensor | None) -> list[Tensor]:
        """Return both directions merged."""
        both = zip(*self.both_directions(x, valid), strict=True)
        return [merge(torch.cat(pair, dim=1), valid) for merge, pair in zip(self.merge, both, strict=True)]


def stack_scales(levels: Sequence[Tensor], below: Tensor | None = None) -> Tensor:
    """Join the outputs of all levels to scales, in one copy.

    In memory the scales of a clip lie one after the other, (N, B, F, T), so that fusions read them as B F channels.

    Args:
        levels: B tensors. Shape: (N, F, T).
        below: A scales of an earlier stack, which go first. Shape: (N, F, T, A).

    Shape:
        (N, F, T, A + B)

    Example:
        >>> stack_scales([torch.zeros(2, 39, 50)], below=torch.zeros(2, 39, 50, 3)).shape
        torch.Size([2, 39, 50, 4])
    """
    n, f, t = levels[0].shape
    parts = list(levels) if below is None else [below.movedim(-1, 1).reshape(n, -1, t), *levels]
    return torch.cat(parts, dim=1).view(n, -1, f, t).movedim(1, -1)


def differences(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return x_j - x_(j-1) for j >= 1, and the last x.

    Example:
        >>> differences([torch.tensor(1), torch.tensor(4), torch.tensor(9)])
        [tensor(3), tensor(5), tensor(9)]
    """
    return [*(later - earlier for earlier, later in pairwise(outputs)), outputs[-1]]
