"""Networks over acoustic features: extractors, heads and front ends, under one contract, usable in any PyTorch code.

An extractor maps features (N, C, T) and lengths (N,) to `Frames`; a head maps `Frames` to logits (N, K). The padding of
a clip never changes its logits.
"""

from __future__ import annotations

from torch import nn

from feature_extractors.frames import Frames
from feature_extractors.heads import Head, LinearHead, TemporalHead
from feature_extractors.multi_tim import MultiTIM

__all__ = ["EXTRACTORS", "HEADS", "Frames", "Head", "LinearHead", "MultiTIM", "TemporalHead"]

EXTRACTORS: dict[str, type[nn.Module]] = {
    "multi_tim": MultiTIM,
}

HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "temporal": TemporalHead,
}
