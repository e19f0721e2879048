"""Transforms of training batches: waveforms or features in, other plausible ones out, on the device they lie on."""

from __future__ import annotations

from feature_extractors.augmentations.augmentation import Augmentation
from feature_extractors.augmentations.frame_mask import FrameMask
from feature_extractors.augmentations.mixup import Mixup, Pairs
from feature_extractors.augmentations.noise import Noise
from feature_extractors.augmentations.spec_augment import SpecAugment
from feature_extractors.augmentations.speed import Speed

__all__ = ["AUGMENTATIONS", "Augmentation", "FrameMask", "Mixup", "Noise", "Pairs", "SpecAugment", "Speed"]

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "spec_augment": SpecAugment,
    "frame_mask": FrameMask,
    "mixup": Mixup,
    "noise": Noise,
    "speed": Speed,
}
