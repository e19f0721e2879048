"""Power in decibels, clip by clip. T frames, M bands or bins."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["AMIN", "TOP_DB", "power_to_db"]

AMIN = 1e-10  # power below which decibels do not fall
TOP_DB = 80.0  # decibels below the loudest value of the clip


def power_to_db(power: Tensor, valid: Tensor | None = None) -> Tensor:
    """Turn power into decibels, with a floor 80 dB under the loudest value of each clip.

    y = max(10 log10 max(p, 1e-10), max(y) - 80). The floor is taken clip by clip: taken over a batch, as librosa and
    torchaudio do, a loud clip would move the features of its neighbours.

    Args:
        power: spectrogram. Shape: (..., T, M).
        valid: mask of real frames, or None where nothing is padded. Shape: (..., T).

    Shape:
        (..., T, M)

    Example:
        >>> power_to_db(torch.tensor([[1.0, 1e-9]]))
        tensor([[  0., -80.]])
    """
    real = power if valid is None else power.masked_fill(~valid[..., None], 0)
    floor = real.amax((-2, -1), keepdim=True).mul(10 ** (-TOP_DB / 10)).clamp_(min=AMIN)
    return torch.maximum(power, floor).log10_().mul_(10.0)
