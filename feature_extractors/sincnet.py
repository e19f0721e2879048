"""SincNet over frames of a waveform. N clips, S samples, T frames, K filters, F features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from feature_extractors.frames import Frames, real_frames, valid_frames, zero_padding
from feature_extractors.pointwise_mlp import PointwiseMLP
from feature_extractors.sinc import SincConv1d
from feature_extractors.waveform_cnn import check_waveform

__all__ = ["SincNet"]

SLOPE = 0.2  # of the leaky ReLU below zero
POOL = 3  # samples that become one after each convolution


class SincNet(nn.Module):
    """Frames of 200 ms -> layer normalisation -> sinc and two more convolutions -> dense layers, for every frame.

    Each convolution is followed by max pooling by 3, layer normalisation and leaky ReLU; the sinc outputs are rectified
    before. The dense layers have batch normalisation. The frames lie wholly inside the clip, a shorter clip is one
    frame with zeros after its end.

    The sinc outputs of 4 s at a shift of 10 ms take 360 MB a clip. So the frames go through the convolutions in chunks,
    and training keeps only what goes in and comes out of a chunk and computes the rest again in the backward pass.

    Reference: Ravanelli and Bengio, Speaker Recognition from Raw Waveform with SincNet, SLT 2018. Theirs averages the
    posteriors of the frames, the linear head here the features.

    Args:
        in_channels: 1, the waveform.
        frame: length of a frame, in samples.
        shift: from one frame to the next, in samples.
        filters: K, sinc filters.
        taps: of each sinc filter, odd.
        channels: filters of the two other convolutions, 5 taps each.
        widths: of the dense layers; the last is F.
        dropout: probability that a unit of a dense layer is dropped.
        chunk: frames that go through the convolutions at once; memory grows with it, results do not change.
        sample_rate: of the waveform, in Hz.

    Attributes:
        dim: F.

    Shape:
        x (N, 1, S), lengths (N,) or None -> Frames of (N, F, T), T = 1 + max(S - frame, 0) // shift

    Raises:
        ValueError: for more than one channel, or a frame that is too short for the convolutions.

    Example:
        >>> extractor = SincNet(in_channels=1, filters=8, channels=(6, 6), widths=(32,))
        >>> extractor(torch.randn(2, 1, 8000), torch.tensor([8000, 4000])).lengths
        tensor([31,  6])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        frame: int = 3200,
        shift: int = 160,
        filters: int = 80,
        taps: int = 251,
        channels: Sequence[int] = (60, 60),
        widths: Sequence[int] = (2048, 2048, 2048),
        dropout: float = 0.0,
        chunk: int = 64,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        check_waveform(in_channels)
        self.frame, self.shift, self.chunk = frame, shift, chunk
        self.input_norm = nn.LayerNorm(frame)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        size, before = frame, 1
        for i, after in enumerate((filters, *channels)):
            size = (size - (taps if i == 0 else 5) + 1) // POOL
            if size < 1:
                raise ValueError(
                    f"a frame of {frame} samples is too short for {taps} taps and {len(channels) + 1} convolutions"
                )
            self.convs.append(
                nn.Conv1d(before, after, 5) if i else SincConv1d(after, taps=taps, sample_rate=sample_rate)
            )
            self.norms.append(nn.LayerNorm([after, size]))
            before = after
        self.dense = PointwiseMLP(before * size, widths, dropout=dropout, slope=SLOPE)
        self.dim = self.dense.dim

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real samples of each clip."""
        x = zero_padding(x, real_frames(x, lengths, channels=1))
        x = F.pad(x, (0, max(self.frame - x.shape[-1], 0)))[:, 0]  # (N, S)
        frames = x.unfold(1, self.frame, self.shift)  # (N, T, frame)
        clips, count = frames.shape[:2]
        x = torch.cat([self._chunk(chunk) for chunk in torch.split(frames.flatten(0, 1), self.chunk)])
        if lengths is not None:
            lengths = 1 + (lengths - self.frame).clamp(min=0) // self.shift
        valid = valid_frames(lengths, clips=clips, frames=count)
        x = x.reshape(clips, count, -1).transpose(1, 2)  # (N, D, T)
        return Frames.build(self.dense(x, valid), valid)

    def _chunk(self, frames: Tensor) -> Tensor:
        """Take frames (n, frame) through the convolutions, in training without keeping what lies between."""
        if not (self.training and torch.is_grad_enabled()):
            return self.convolve(frames)
        kept: Tensor = checkpoint(self.convolve, frames, use_reentrant=False)
        return kept

    def convolve(self, frames: Tensor) -> Tensor:
        """Take frames (n, frame) through the convolutions, (n, D)."""
        x = self.input_norm(frames)[:, None]  # (n, 1, frame)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = conv(x)
            x = F.leaky_relu(norm(F.max_pool1d(x if i else x.abs(), POOL)), SLOPE)  # (n, channels, size)
        flat: Tensor = x.flatten(1)
        return flat
