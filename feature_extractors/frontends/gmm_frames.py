"""The frames of a clip that mixtures of Gaussians agree on. S samples, C channels, T frames, K mixtures, M components."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_extractors.frontends.frontend import Frontend
from feature_extractors.frontends.mfcc import MFCC

__all__ = ["GMMFrames"]

FLOOR = 1e-3  # added to every variance of the standardised frames: a component often holds two or three frames
STEPS, TOLERANCE = 100, 0.1  # of expectation maximisation; a gain of less log-likelihood a frame moves no pick


class GMMFrames(Frontend):
    """The MFCC frames of a clip that most of K Gaussian mixtures pick, in time order.

    Every mixture has M components of diagonal covariance and starts from other frames of the clip (k-means++). Its components pick
    the frame nearest to their mean, in their own Mahalanobis distance. The M frames that most mixtures pick are kept;
    of frames picked equally often the more probable ones. A clip of no more than M frames is kept whole.

    The frames are standardised within the clip first: the loudness would outweigh everything else. The lab's notes
    describe the selection by one sentence and had K = 8 ahead of K = 12.

    Reference: Bishop, Pattern Recognition and Machine Learning, 2006, chapter 9, for the mixtures.

    Args:
        order: of the MFCC, `feature_extractors.frontends.MFCC`.
        mixtures: K.
        components: M.
        seed: where the mixtures start from.

    Attributes:
        channels: C = 13 * order.

    Shape:
        (S,) -> (C, T) with T = min(M, 1 + S // 512)

    Raises:
        ValueError: for less than one mixture or component.

    Example:
        >>> GMMFrames(mixtures=2, components=20)(torch.randn(32000)).shape
        torch.Size([39, 20])
    """

    on_device: ClassVar[bool] = False

    def __init__(self, *, order: int = 3, mixtures: int = 8, components: int = 100, seed: int = 0) -> None:
        super().__init__()
        if mixtures < 1 or components < 1:
            raise ValueError(f"mixtures is {mixtures} and components {components}; expected at least one of each")
        self.mfcc = MFCC(order=order)
        self.channels, self.sample_rate = self.mfcc.channels, self.mfcc.sample_rate
        self.mixtures, self.components, self.seed = mixtures, components, seed

    def frames(self, samples: int) -> int:
        """Return T, the number of frames kept of a clip of so many samples."""
        return min(self.components, self.mfcc.frames(samples))

    def record(self) -> dict[str, Any]:
        """Return the exact parameters, fit for JSON."""
        own = {
            "name": "gmm_frames",
            "mixtures": self.mixtures,
            "components": self.components,
            "seed": self.seed,
            "covariance": "diagonal",
            "start": "k-means++",
            "variance_floor": FLOOR,
            "steps": STEPS,
            "tolerance": TOLERANCE,
        }
        return {**self.mfcc.record(), **own}

    def single(self, waveform: Tensor) -> Tensor:
        """Map one checked waveform (S,) to features (C, T)."""
        features = self.mfcc.single(waveform)  # (C, all frames)
        if features.shape[1] <= self.components:
            return features
        frames = features.T.double().numpy(force=True)  # (all frames, C)
        spread = frames.std(0)
        kept = self.picked((frames - frames.mean(0)) / np.where(spread > 0, spread, 1.0))
        return features[:, torch.from_numpy(kept).to(features.device)]

    def picked(self, frames: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which of the standardised frames (all frames, C) are kept, M ascending indices."""
        from sklearn.mixture import GaussianMixture

        votes, likelihood = np.zeros(len(frames)), np.zeros(len(frames))
        for k in range(self.mixtures):
            mixture = GaussianMixture(
                self.components,
                covariance_type="diag",
                init_params="k-means++",
                reg_covar=FLOOR,
                tol=TOLERANCE,
                max_iter=STEPS,
                random_state=self.mixtures * self.seed + k,
            ).fit(frames)
            precision = mixture.precisions_  # (M, C)
            cross = frames @ (precision * mixture.means_).T  # (all frames, M)
            distances = frames**2 @ precision.T - 2 * cross  # up to a constant of the component
            votes[np.unique(distances.argmin(0))] += 1
            likelihood += mixture.score_samples(frames)
        ranked = np.lexsort((np.arange(len(frames)), -likelihood, -votes))
        return np.sort(ranked[: self.components])
