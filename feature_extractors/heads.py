"""Heads: from the frames of an extractor to logits. N clips, F filters, T frames, B scales, E embedding, K classes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from feature_extractors.attention import AttentionKind
from feature_extractors.batch_norm import MaskedBatchNorm1d
from feature_extractors.frames import Frames
from feature_extractors.fusion import FusionKind, build_fusion
from feature_extractors.pooling import masked_mean
from feature_extractors.stack_modes import Mode, build_stack
from feature_extractors.temporal_block import Residual, Variant
from feature_extractors.temporal_stack import stack_scales

__all__ = ["Head", "LinearHead", "TemporalHead"]


class Head(nn.Module, ABC):
    """A head goes from frames to logits in three steps that can be taken one by one.

    logits = classify(frames'), frames' = specific(frames); classify pools frames' to an embedding and ends in a linear
    layer. Logits are what a loss wants: there is no softmax at the end, and no option for one.

    Args:
        embedding: E, the inputs of the last linear layer.
        classes: K.

    Raises:
        ValueError: for less than one class.
    """

    def __init__(self, *, embedding: int, classes: int) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(f"classes is {classes}; a head needs at least one class")
        self.classifier = nn.Linear(embedding, classes)

    @abstractmethod
    def specific(self, frames: Frames) -> Frames:
        """Return the frames after the layers of this head, before any pooling."""

    @abstractmethod
    def pool(self, specific: Frames) -> Tensor:
        """Return the embedding (N, E) of frames that `specific` gave."""

    def embed(self, frames: Frames) -> Tensor:
        """Return what enters the last linear layer, (N, E)."""
        return self.pool(self.specific(frames))

    def classify(self, specific: Frames) -> Tensor:
        """Return the logits (N, K) of frames that `specific` gave, which saves computing these twice."""
        logits: Tensor = self.classifier(self.pool(specific))
        return logits

    def forward(self, frames: Frames) -> Tensor:
        """Return the logits, (N, K).

        Raises:
            TypeError: for something else than the frames of an extractor.
        """
        given: object = frames
        if not isinstance(given, Frames):
            kind = type(given).__name__
            raise TypeError(f"a head was given a {kind}; expected the Frames of an extractor, Frames(x, lengths)")
        return self.classify(self.specific(frames))


class LinearHead(Head):
    """Linear head: masked mean over time, then a linear layer; with a fusion, of all scales of the extractor.

    logits = W mean_t x_t + b.

    Args:
        in_features: F of the extractor.
        in_scales: B of the extractor, 0 where it has no scales.
        classes: K.
        fusion: fuse the scales by `weight`, `linear`, `conv`, `mean` or `attention`; None takes the features instead.
        norm: batch normalisation before the pooling.

    Shape:
        Frames of (N, F, T) -> (N, K)

    Raises:
        ValueError: where a fusion is asked for and there are no scales.

    Example:
        >>> import torch
        >>> head = LinearHead(in_features=39, classes=6)
        >>> head(Frames(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40]))).shape
        torch.Size([2, 6])
    """

    def __init__(
        self,
        *,
        in_features: int,
        in_scales: int = 0,
        classes: int,
        fusion: FusionKind | None = None,
        norm: bool = False,
    ) -> None:
        super().__init__(embedding=in_features, classes=classes)
        if fusion is not None and in_scales < 1:
            raise ValueError(f"fusion {fusion!r} needs scales, and the extractor has none; leave fusion out")
        self.fusion = None if fusion is None else build_fusion(fusion, in_features, in_scales)
        self.norm = MaskedBatchNorm1d(in_features) if norm else None

    def specific(self, frames: Frames) -> Frames:
        """Return the frames as they come: this head has no layers over time."""
        return frames

    def pool(self, specific: Frames) -> Tensor:
        """Return the mean over the real frames, (N, F)."""
        valid = specific.valid()
        x = specific.features if self.fusion is None else self.fusion(_scales(specific), valid)
        if self.norm is not None:
            x = self.norm(x, valid)
        return masked_mean(x, valid)


class TemporalHead(Head):
    """Specific head of one corpus: temporal stack, fusion of all scales, batch normalisation, mean, linear layer.

    The stack goes on where the extractor's ended (dilations 2^a to 2^(a + blocks - 1), with a = in_scales), and the
    scales of both are fused.

    Reference: after Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023.

    Args:
        in_features: F of the extractor.
        in_scales: a, the scales of the extractor, 0 where it has none.
        classes: K.
        blocks: b, the number of temporal-aware blocks.
        mode: what each level of the stack contributes (`feature_extractors.stack_modes.MODES`).
        fusion: how all a + b scales become one: `weight`, `linear`, `conv`, `mean` or `attention`.
        variant: body of the blocks: `plain`, `bottleneck`, `inception` or `simple`.
        residual: residual of the blocks: `mul`, `add` or `tcn`.
        dropout: probability that a channel is dropped inside the blocks.
        attention: kind of attention in the modes `attention` and `add_attention`.
        width: channels between the projections of the modes `attention`, `add_attention` and `se`.
        heads: heads of `multi_head`.

    Shape:
        Frames of (N, F, T) and scales (N, F, T, a) -> (N, K)

    Raises:
        ValueError: for an unknown name, or frames whose scales are not a.

    Example:
        >>> import torch
        >>> head = TemporalHead(in_features=39, in_scales=0, classes=6, blocks=2)
        >>> head(Frames(torch.randn(2, 39, 50), lengths=torch.tensor([50, 40]))).shape
        torch.Size([2, 6])
    """

    def __init__(
        self,
        *,
        in_features: int,
        in_scales: int = 0,
        classes: int,
        blocks: int = 5,
        mode: Mode = "diff",
        fusion: FusionKind = "linear",
        variant: Variant = "plain",
        residual: Residual = "mul",
        dropout: float = 0.1,
        attention: AttentionKind = "multi_head",
        width: int = 128,
        heads: int = 4,
    ) -> None:
        super().__init__(embedding=in_features, classes=classes)
        self.in_scales = in_scales
        self.stack = build_stack(
            mode,
            in_features,
            in_features,
            levels=range(in_scales, in_scales + blocks),
            variant=variant,
            residual=residual,
            dropout=dropout,
            attention=attention,
            width=width,
            heads=heads,
            offset=False,  # which the normalisation of the fused scales would take away
        )
        self.fusion = build_fusion(fusion, in_features, in_scales + blocks)
        self.norm = MaskedBatchNorm1d(in_features)

    def specific(self, frames: Frames) -> Frames:
        """Return the last scale of this head's stack, with the scales of extractor and head together."""
        below = _scales(frames) if self.in_scales else None
        if below is not None and below.shape[-1] != self.in_scales:
            raise ValueError(
                f"the frames have {below.shape[-1]} scales; this head was built with in_scales={self.in_scales}"
            )
        valid = frames.valid()
        levels = self.stack.levels(frames.features, valid)
        return Frames.build(levels[-1], valid, stack_scales(levels, below))

    def pool(self, specific: Frames) -> Tensor:
        """Return the mean over the real frames of the fused scales, (N, F)."""
        valid = specific.valid()
        fused = self.fusion(_scales(specific), valid)  # (N, F, T)
        return masked_mean(self.norm(fused, valid), valid)


def _scales(frames: Frames) -> Tensor:
    """Return the scales of frames that must have some."""
    if frames.scales is None:
        raise ValueError("the frames have no scales; build the head with in_scales=0, or use an extractor with scales")
    return frames.scales
