"""Hidden networks that carry two corpora into a middle domain. N clips, F filters, T frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_extractors.frames import Frames, valid_frames, zero_padding
from feature_extractors.temporal_block import ConvNorm

__all__ = ["CodingNetwork", "HiddenNetwork"]


class HiddenNetwork(nn.Module):
    """Causal convolutions from one corpus's universal features into the middle domain.

    Units of convolution (k=2) -> BatchNorm -> ReLU with 128, F, 64, F, F channels.

    Args:
        in_features: F.
        channels: width of each unit; None stands for F.

    Shape:
        Frames (N, F, T) -> Frames (N, F, T)

    Example:
        >>> hidden = HiddenNetwork(in_features=39)
        >>> hidden(Frames(torch.randn(2, 39, 50), torch.tensor([50, 20]))).features.shape
        torch.Size([2, 39, 50])
    """

    def __init__(self, *, in_features: int, channels: Sequence[int | None] = (128, None, 64, None, None)) -> None:
        super().__init__()
        widths = [in_features, *(c or in_features for c in channels)]
        self.units = nn.ModuleList(ConvNorm(a, b, kernel_size=2) for a, b in pairwise(widths))
        self.dim = widths[-1]

    def forward(self, frames: Frames) -> Frames:
        """Return the features in the middle domain."""
        valid = frames.valid()
        x = frames.features
        for unit in self.units:
            x = unit(x, valid)  # (N, width, T)
        return Frames(zero_padding(x, valid), frames.lengths, padded=frames.padded)


class CodingNetwork(nn.Module):
    """Convolutional autoencoder whose code is the middle domain.

    Encoder: convolution (k=3) -> BatchNorm -> ReLU -> max pooling by 2 for each width; decoder: the way back, by nearest
    upsampling and convolutions, the last one linear.

    Args:
        in_features: F.
        channels: widths of the encoder.

    Shape:
        Frames (N, F, T) -> code Frames (N, channels[-1], ceil(T / 2^len(channels))), reconstruction (N, F, T)

    Example:
        >>> code, reconstruction = CodingNetwork(in_features=39)(Frames(torch.randn(2, 39, 50), torch.tensor([50, 20])))
        >>> code.features.shape, code.lengths, reconstruction.shape
        (torch.Size([2, 256, 7]), tensor([7, 3]), torch.Size([2, 39, 50]))
    """

    def __init__(self, *, in_features: int, channels: Sequence[int] = (64, 128, 256)) -> None:
        super().__init__()
        down, up = [in_features, *channels], [*reversed(channels)]
        self.encoder = nn.ModuleList(ConvNorm(a, b, kernel_size=3) for a, b in pairwise(down))
        self.decoder = nn.ModuleList(ConvNorm(a, b, kernel_size=3) for a, b in pairwise(up))
        self.last = nn.Conv1d(up[-1], in_features, 3, padding=1)
        self.dim = channels[-1]

    def forward(self, frames: Frames) -> tuple[Frames, Tensor]:
        """Return the code and the reconstruction."""
        x, lengths, sizes = frames.features, frames.lengths, []
        for unit in self.encoder:
            valid = valid_frames(lengths, clips=x.shape[0], frames=x.shape[-1])
            x = zero_padding(unit(x, valid), valid)  # (N, width, T); zeros lose against ReLU outputs in the pooling
            sizes.append((x.shape[-1], lengths))
            x, lengths = F.max_pool1d(x, 2, ceil_mode=True), (lengths + 1) // 2
        code = Frames(x, lengths)
        for i, (size, lengths) in enumerate(reversed(sizes)):
            x = x.repeat_interleave(2, dim=-1)[..., :size]
            if i < len(self.decoder):
                valid = valid_frames(lengths, clips=x.shape[0], frames=size)
                x = zero_padding(self.decoder[i](x, valid), valid)
        return code, torch.as_tensor(self.last(x))
