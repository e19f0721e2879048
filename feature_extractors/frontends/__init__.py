"""Acoustic front ends: waveform (samples,) in, features (channels, frames) out."""

from __future__ import annotations

from feature_extractors.frontends.egemaps import EGeMAPS
from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.gmm_frames import GMMFrames
from feature_extractors.frontends.kaldi import KaldiMFCC
from feature_extractors.frontends.log_mel import LogMel
from feature_extractors.frontends.mfcc import MFCC
from feature_extractors.frontends.prosody import Prosody
from feature_extractors.frontends.spectrogram import Spectrogram
from feature_extractors.frontends.voice import Voice
from feature_extractors.frontends.waveform import Waveform

__all__ = [
    "FRONTENDS",
    "MFCC",
    "EGeMAPS",
    "Frontend",
    "GMMFrames",
    "KaldiMFCC",
    "LogMel",
    "Prosody",
    "Spectrogram",
    "Voice",
    "Waveform",
]

FRONTENDS: dict[str, type[Frontend]] = {
    "egemaps": EGeMAPS,
    "gmm_frames": GMMFrames,
    "log_mel": LogMel,
    "mfcc": MFCC,
    "mfcc_kaldi": KaldiMFCC,
    "prosody": Prosody,
    "spectrogram": Spectrogram,
    "voice": Voice,
    "waveform": Waveform,
}
