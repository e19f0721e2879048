"""TIM-Net. N clips, C input channels, F filters, T frames, B scales."""

from __future__ import annotations

from torch import Tensor, nn

from feature_extractors.frames import Frames
from feature_extractors.fusion import FusionKind, build_fusion
from feature_extractors.multi_tim import MultiTIM
from feature_extractors.stack_modes import Mode
from feature_extractors.temporal_block import Residual, Variant

__all__ = ["TIM"]


class TIM(nn.Module):
    """TIM-Net: one temporal stack, bidirectional by addition, whose scales a weight layer fuses to the features.

    y = sum_j w_j (f_j + b_j), the universal extractor of `MultiTIM` in mode `add` with the fusion `weight`. With the
    head `linear` (mean over time, linear layer) it is the published network.

    Reference: Ye et al., Temporal Modeling Matters: A Novel Temporal Emotional Modeling Approach for Speech Emotion
    Recognition (TIM-Net), ICASSP 2023.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        filters: F.
        blocks: B, with dilations 2^0 to 2^(B - 1).
        mode: what each level of the stack contributes (`feature_extractors.stack_modes.MODES`).
        fusion: how the scales become one: `weight`, `linear`, `conv`, `mean` or `attention`.
        variant: body of the blocks: `plain`, `bottleneck`, `inception` or `simple`.
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        prepare: begin with a 1x1 convolution and batch normalisation; without it training swings from epoch to epoch.
        prepare_relu: end prepare in a ReLU.
        dropout: probability that a channel is dropped inside the blocks.

    Attributes:
        dim: F, the channels of the features.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T)

    Raises:
        ValueError: for an unknown name, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> TIM(in_channels=39)(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40])).features.shape
        torch.Size([2, 39, 50])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        filters: int = 39,
        blocks: int = 8,
        mode: Mode = "add",
        fusion: FusionKind = "weight",
        variant: Variant = "plain",
        residual: Residual = "mul",
        prepare: bool = True,
        prepare_relu: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dim = filters
        self.scales = MultiTIM(
            in_channels=in_channels,
            filters=filters,
            blocks=blocks,
            mode=mode,
            variant=variant,
            residual=residual,
            prepare=prepare,
            prepare_relu=prepare_relu,
            dropout=dropout,
        )
        self.fusion = build_fusion(fusion, filters, blocks)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        frames: Frames = self.scales(x, lengths)
        valid = frames.valid()
        return Frames.build(self.fusion(frames.scales, valid), valid)
