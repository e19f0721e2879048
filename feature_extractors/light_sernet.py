"""Light-SERNet: a spectrogram or MFCC as an image. N clips, C bands or coefficients, T frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.batch_norm import MaskedBatchNorm2d
from feature_extractors.frames import Frames, real_frames, zero_padding

__all__ = ["LightSERNet"]

PATHS = ((11, 1), (1, 9), (3, 3))  # frames x bands; each with 32 filters
BLOCKS = ((64, 2, 2), (96, 2, 2), (128, 2, 1), (160, 2, 1))  # filters, pooling in time, pooling in frequency


class LightSERNet(nn.Module):
    """Three parallel convolutions for time, frequency and both; four local feature blocks; 1x1; mean over frequency.

    Kernels of 11 frames, of 9 bands, and 3 x 3, of 32 filters each, with batch normalisation, ReLU and 2 x 2 average
    pooling, are concatenated. The blocks (3 x 3 convolution, batch normalisation, ReLU, average pooling) have 64, 96,
    128 and 160 filters and pool 2 x 2, 2 x 2, and twice by 2 in time alone; the last convolution has 320. With the mean
    over time and the linear layer of the head that is the global average pooling of the paper. Windows at the edge
    average what they hold of the clip. With four classes there are 460,644 parameters, those of the published model but
    for the 96 biases that its first batch normalisations take away again.

    Reference: Aftab et al., Light-SERNet, ICASSP 2022.

    Args:
        in_channels: C, the height of the image.
        dropout: probability that one of the 320 channels of a clip is dropped.

    Attributes:
        dim: 320.

    Shape:
        x (N, C, T), lengths (N,) or None -> Frames of (N, 320, ceil(T / 32))

    Example:
        >>> LightSERNet(in_channels=39)(torch.randn(2, 39, 313), torch.tensor([313, 100])).lengths
        tensor([10,  4])
    """

    def __init__(self, *, in_channels: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dim = 320
        self.paths = nn.ModuleList(_Block(1, 32, kernel, (2, 2)) for kernel in PATHS)
        widths = [32 * len(PATHS), *(width for width, _, _ in BLOCKS)]
        self.blocks = nn.ModuleList(
            _Block(before, after, (3, 3), (time, band))
            for before, (after, time, band) in zip(widths[:-1], BLOCKS, strict=True)
        )
        self.last = _Block(widths[-1], self.dim, (1, 1), (1, 1))
        self.dropout = nn.Dropout1d(dropout)  # whole channels, as if after the mean over time

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Frames:
        """Extract features; `lengths` counts the real frames of each clip."""
        valid = real_frames(x, lengths, channels=self.in_channels)
        x = zero_padding(x, valid)[:, None]  # (N, 1, C, T)
        outputs = [path(x, valid) for path in self.paths]
        x, valid = torch.cat([y for y, _ in outputs], dim=1), outputs[0][1]
        for block in self.blocks:
            x, valid = block(x, valid)
        x, valid = self.last(x, valid)  # (N, 320, C', T')
        return Frames.build(self.dropout(x.mean(2)), valid)


class _Block(nn.Module):
    """Convolution -> batch normalisation -> ReLU -> average pooling over what is real; (N, K, C, T) and its mask."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int], pool: tuple[int, int]) -> None:
        super().__init__()
        time, band = kernel
        self.conv = nn.Conv2d(before, after, (band, time), padding=(band // 2, time // 2), bias=False)
        self.norm = MaskedBatchNorm2d(after)
        self.pool = (pool[1], pool[0])

    def forward(self, x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = F.relu(self.norm(self.conv(x), valid))
        if self.pool == (1, 1):
            return x, valid
        if valid is None:
            return F.avg_pool2d(x, self.pool, ceil_mode=True), None
        real = valid[:, None, None].to(x.dtype)  # (N, 1, 1, T)
        share = F.avg_pool2d(real, (1, self.pool[1]), ceil_mode=True)  # of a window that is real
        x = F.avg_pool2d(x * real, self.pool, ceil_mode=True)
        return x / share.clamp(min=0.1), valid[:, :: self.pool[1]]
