"""Acoustic front ends: waveform (samples,) in, features (channels, frames) out."""

from __future__ import annotations

from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.log_mel import LogMel
from feature_extractors.frontends.mfcc import MFCC

__all__ = ["FRONTENDS", "MFCC", "Frontend", "LogMel"]

FRONTENDS: dict[str, type[Frontend]] = {
    "log_mel": LogMel,
    "mfcc": MFCC,
}
