"""A trained model as one module that a compiler can take: from features or from waveforms to logits.

Axis letters: N clips, S samples, C channels, T frames, W samples of a frame, M mel bands, K classes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from feature_extractors.frames import valid_frames, zero_padding
from feature_extractors.frontends.decibel_frontend import DecibelFrontend
from feature_extractors.frontends.decibels import power_to_db
from feature_extractors.frontends.mel import MelSpectrogram, mel_filters
from feature_extractors.pooling import masked_mean
from transfer.data.normalisation import EPSILON, Moments
from transfer.errors import RecipeError
from transfer.predicting import Predictor

__all__ = ["FeaturesToLogits", "WaveformsToLogits"]


class FeaturesToLogits(nn.Module):
    """Extractor and head of the target, with the standardisation that training fitted.

    z = (x - mean) / (std + 1e-5), logits = head(extractor(z)).

    Args:
        predictor: a model ready to listen. Where it standardises by speaker, the features that come in have to be
            standardised so already.

    Shape:
        features (N, C, T), lengths in frames (N,) -> (N, K)
    """

    names = ("features", "lengths")
    mean: Tensor
    std: Tensor

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        model, corpus = predictor.model, predictor.target
        model.use_statistics(corpus)
        self.extractor, self.head = model.extractor, model.head(corpus)
        self.by_clip = predictor.recipe.normalisation == "clip"
        channels = int(predictor.front_end.channels)
        group = {"train": "all", "corpus": corpus}.get(predictor.recipe.normalisation)
        none = Moments(np.zeros(channels), np.ones(channels) - EPSILON)
        moments = none if group is None else predictor.moments[group]
        self.register_buffer("mean", torch.from_numpy(moments.mean).float()[:, None])
        self.register_buffer("std", torch.from_numpy(moments.std).float()[:, None])

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits, (N, K)."""
        mean, std = self.mean, self.std
        if self.by_clip:
            valid = valid_frames(lengths, clips=features.shape[0], frames=features.shape[2])
            mean = masked_mean(features, valid)[..., None]  # (N, C, 1)
            std = masked_mean((features - mean).square(), valid)[..., None].sqrt()
        logits: Tensor = self.head(self.extractor((features - mean) / (std + EPSILON), lengths))
        return logits

    def expected(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits as the toolkit itself computes them."""
        logits: Tensor = self(features, lengths)
        return logits

    def examples(self, clips: int, seconds: float, predictor: Predictor) -> tuple[Tensor, Tensor]:
        """Return random features like those of training, clips of many lengths; the first is the longest."""
        frames = predictor.front_end.frames(round(seconds * predictor.front_end.sample_rate))
        noise = torch.randn(clips, len(self.mean), frames, generator=torch.Generator().manual_seed(clips))
        return noise * self.std + self.mean, _lengths(clips, frames)


class WaveformsToLogits(nn.Module):
    """Mel front end, then `FeaturesToLogits`.

    The Fourier transform of a frame is a product with its matrix, in float64: X_k = sum_t w_t x_t e^(-2 pi i k t / W).
    So it needs no operation that runtimes lack, and its rounding cannot move quiet bands.

    Args:
        predictor: a model ready to listen.

    Shape:
        waveforms (N, S) at the front end's rate, lengths in samples (N,) -> (N, K)

    Raises:
        RecipeError: for a front end without mel bands, or a model that standardises by speaker.
    """

    names = ("waveforms", "lengths")
    fourier: Tensor
    filters: Tensor

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        front_end, kind = predictor.front_end, predictor.recipe.normalisation
        if not isinstance(front_end, DecibelFrontend) or not isinstance(front_end.power, MelSpectrogram):
            raise RecipeError(
                f"front end {predictor.recipe.frontend.name!r} cannot be part of a graph; only mfcc and log_mel can: "
                "export from features, and compute these by this package"
            )
        if kind in ("speaker", "voice"):
            raise RecipeError(f"normalisation: {kind} needs more than one clip; export from features")
        self.front_end, power = front_end, front_end.power
        self.hop, self.n_fft = power.hop, power.n_fft
        angles = torch.outer(torch.arange(self.n_fft), torch.arange(self.n_fft // 2 + 1)).double() % self.n_fft
        angles = angles * (2 * math.pi / self.n_fft)
        fourier = torch.cat([angles.cos(), angles.sin()], dim=1) * power.window.double()[:, None]  # (W, 2 bins)
        self.register_buffer("fourier", fourier)
        mel = mel_filters(sample_rate=front_end.sample_rate, n_fft=self.n_fft, bands=power.bands)
        self.register_buffer("filters", mel.T.contiguous())  # (bins, M)
        self.network = FeaturesToLogits(predictor)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits, (N, K)."""
        clips, samples = waveforms.shape
        real = valid_frames(lengths, clips=clips, frames=samples)  # (N, S)
        x = waveforms if real is None else waveforms.masked_fill(~real, 0)
        x = nn.functional.pad(x, (self.n_fft // 2, self.n_fft // 2))
        frames = self.front_end.power.frames(samples)
        at = torch.arange(frames)[:, None] * self.hop + torch.arange(self.n_fft)  # (T, W)
        cosines, sines = (x[:, at].double() @ self.fourier).tensor_split(2, dim=-1)  # each (N, T, bins)
        power = ((cosines.square() + sines.square()) @ self.filters).float()  # (N, T, M)
        counts = self.front_end.power.frames(lengths)  # (N,)
        valid = valid_frames(counts, clips=clips, frames=frames)  # (N, T)
        features = self.front_end.from_decibels(power_to_db(power, valid), None if valid is None else counts)
        logits: Tensor = self.network(zero_padding(features, valid), counts)
        return logits

    def expected(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits as the toolkit itself computes them."""
        logits: Tensor = self.network(*self.front_end.batch(waveforms, lengths))
        return logits

    def examples(self, clips: int, seconds: float, predictor: Predictor) -> tuple[Tensor, Tensor]:
        """Return noise, clips of many lengths and levels; the first is the longest."""
        samples = round(seconds * predictor.front_end.sample_rate)
        noise = torch.randn(clips, samples, generator=torch.Generator().manual_seed(clips))
        return noise * torch.logspace(-1, -3, clips)[:, None], _lengths(clips, samples)


def _lengths(clips: int, longest: int) -> Tensor:
    """Return lengths from the longest down to a third of it."""
    return torch.linspace(longest, max(1, longest // 3), clips).long()
