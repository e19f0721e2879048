"""The universal extractor of the MultiTIM family. N clips, C input channels, F filters, T frames, B scales."""

from __future__ import annotations

from torch import Tensor, nn

from feature_extractors.attention import AttentionKind
from feature_extractors.frames import Frames, real_frames, zero_padding
from feature_extractors.stack_modes import Mode, build_stack
from feature_extractors.temporal_block import ConvNorm, Residual, Variant
from feature_extractors.temporal_stack import stack_scales

__all__ = ["MultiTIM"]


class MultiTIM(nn.Module):
    """Universal extractor: prepare (1x1 convolution, batch normalisation, ReLU), then a temporal stack.

    The last scale of the stack is the features; all scales go to the head for fusion. With `residual="tcn"` the blocks
    are those of a TCN (`prepare=False`) or MTCN (`prepare=True`).

    Reference: after Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023; tcn after Bai et al., 2018.

    In the modes `attention`, `add_attention` and `se`, under a head of these modes, the offset of the last normalisation
    (F numbers) has no effect. The final model of the notes, attention under `diff`, trains every number.

    Args:
        in_channels: C, 13 times the order of the MFCC.
        filters: F.
        blocks: number of temporal-aware blocks, with dilations 2^0 to 2^(blocks - 1).
        mode: what each level of the stack contributes (`feature_extractors.stack_modes.MODES`).
        variant: body of the blocks: `plain`, `bottleneck`, `inception` or `simple`.
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        prepare: begin with a 1x1 convolution and batch normalisation; without it training swings from epoch to epoch.
        prepare_relu: end prepare in a ReLU.
        dropout: probability that a channel is dropped inside the blocks.
        attention: kind of attention in the modes `attention` and `add_attention`: `multi_head`, `aft_local`,
            `aft_simple` or `se`.
        width: channels between the projections of the modes `attention`, `add_attention` and `se`.
        heads: heads of `multi_head`.

    Attributes:
        dim: F, the channels of the features.
        num_scales: B, the number of scales.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, F, T) and scales (N, F, T, B)

    Raises:
        ValueError: for an unknown name, or lengths that do not fit the batch.

    Example:
        >>> import torch
        >>> extractor = MultiTIM(in_channels=39, blocks=3, mode="attention")
        >>> frames = extractor(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40]))
        >>> frames.features.shape, frames.scales.shape
        (torch.Size([2, 39, 50]), torch.Size([2, 39, 50, 3]))
    """

    def __init__(
        self,
        *,
        in_channels: int,
        filters: int = 39,
        blocks: int = 3,
        mode: Mode = "attention",
        variant: Variant = "plain",
        residual: Residual = "mul",
        prepare: bool = True,
        prepare_relu: bool = True,
        dropout: float = 0.1,
        attention: AttentionKind = "multi_head",
        width: int = 128,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = filters
        self.num_scales = blocks
        self.prepare = ConvNorm(in_channels, filters, relu=prepare_relu) if prepare else None
        self.stack = build_stack(
            mode,
            filters if prepare else in_channels,
            filters,
            levels=range(blocks),
            variant=variant,
            residual=residual,
            dropout=dropout,
            attention=attention,
            width=width,
            heads=heads,
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = zero_padding(x, valid)  # what stands in the padding, even NaN, has no say
        if self.prepare is not None:
            x = self.prepare(x, valid)  # (N, F, T)
        levels = self.stack.levels(x, valid)  # B tensors (N, F, T)
        return Frames.build(levels[-1], valid, stack_scales(levels))
