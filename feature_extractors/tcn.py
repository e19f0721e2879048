"""Temporal convolutional networks under the names of the lab notes. N clips, C input channels, F filters, T frames."""

from __future__ import annotations

from feature_extractors.multi_tim import MultiTIM
from feature_extractors.temporal_block import Variant

__all__ = ["MTCN", "TCN"]


class MTCN(MultiTIM):
    """MTCN: the universal extractor of `MultiTIM` with plain TCN residual blocks, no gates.

    A head `temporal` with `mode: plain, residual: tcn` goes on with blocks of the same kind.

    Reference: Bai et al., An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
    Modeling, 2018.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        filters: F.
        blocks: number of blocks, with dilations 2^0 to 2^(blocks - 1).
        prepare: begin with a 1x1 convolution, batch normalisation and ReLU; it helps pretraining.
        variant: body of the blocks: `plain`, `bottleneck`, `inception` or `simple`.
        dropout: probability that a channel is dropped inside the blocks.

    Attributes:
        dim: F, the channels of the features.
        num_scales: B, the number of scales.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T) and scales (N, F, T, B); frame t depends on frames <= t

    Raises:
        ValueError: for an unknown variant, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> MTCN(in_channels=39)(torch.randn(2, 39, 50)).scales.shape
        torch.Size([2, 39, 50, 3])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        filters: int = 39,
        blocks: int = 3,
        prepare: bool = True,
        variant: Variant = "plain",
        dropout: float = 0.1,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            filters=filters,
            blocks=blocks,
            mode="plain",
            variant=variant,
            residual="tcn",
            prepare=prepare,
            dropout=dropout,
        )


class TCN(MTCN):
    """TCN: all eight levels in the extractor; with a head `linear` it is the whole network.

    Arguments, but for the defaults, and shapes are those of `MTCN`.

    Example:
        >>> import torch
        >>> TCN(in_channels=39)(torch.randn(2, 39, 50)).scales.shape
        torch.Size([2, 39, 50, 8])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        filters: int = 39,
        blocks: int = 8,
        prepare: bool = False,
        variant: Variant = "plain",
        dropout: float = 0.1,
    ) -> None:
        super().__init__(
            in_channels=in_channels, filters=filters, blocks=blocks, prepare=prepare, variant=variant, dropout=dropout
        )
