"""Functionals of a contour, such as the pitch of a clip. T frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["FUNCTIONALS", "contour_functionals"]

SHARES = (0.05, 0.2, 0.5, 0.8, 0.95)
WAVES = 4  # half-periods of the fastest cosine that the shape is described by
FUNCTIONALS = (
    "mean", "deviation", "skewness", *(f"quantile_{share}" for share in SHARES), "range", "inner_range", "slope",
    *(f"cosine_{k}" for k in range(1, WAVES + 1)), "step_deviation", "step_size", "step_low", "step_high", "onset", "end",
)  # fmt: skip


def contour_functionals(x: Tensor, steps: Tensor) -> Tensor:
    """Describe a contour by level, spread, shape and movement.

    Mean, deviation and skewness; quantiles and their ranges; slope b of the line a + b t, t from -1 to 1; the first
    cosine coefficients 1/T sum_i (x_i - mean) cos(pi k (i + 1/2) / T), which say where it rises and falls; deviation, mean
    size and 5 % and 95 % quantiles of its steps; mean of its first and of its last quarter, less the median.

    Reference: after Schuller et al., The INTERSPEECH 2013 Computational Paralinguistics Challenge.

    Args:
        x: the contour, (T,), T > 0.
        steps: differences of neighbouring frames, (S,); none for a contour without any.

    Shape:
        (21,), in the order of `FUNCTIONALS`

    Example:
        >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> found = dict(zip(FUNCTIONALS, contour_functionals(x, x.diff()).tolist()))
        >>> found["mean"], found["quantile_0.5"], found["slope"], found["onset"], found["step_size"]
        (3.0, 3.0, 2.0, -2.0, 1.0)
    """
    x, count = x.double(), len(x)
    steps = steps.double() if len(steps) else x.new_zeros(1)
    mean, deviation = x.mean(), x.std(correction=0)
    flat = deviation < 1e-6
    skewness = torch.zeros_like(mean) if flat else ((x - mean) / deviation).pow(3).mean()
    quantiles = x.quantile(x.new_tensor(SHARES))
    time = torch.linspace(-1, 1, count, dtype=x.dtype) if count > 1 else x.new_zeros(1)
    slope = (x * time).mean() / time.square().mean().clamp(min=1e-9)
    phase = math.pi * (torch.arange(count, dtype=x.dtype) + 0.5) / count
    cosines = torch.stack([((x - mean) * (k * phase).cos()).mean() for k in range(1, WAVES + 1)])
    quarter, median = max(count // 4, 1), quantiles[2]
    return torch.cat(
        [
            torch.stack([mean, deviation, skewness]),
            quantiles,
            torch.stack([quantiles[4] - quantiles[0], quantiles[3] - quantiles[1], slope]),
            cosines,
            torch.stack([steps.std(correction=0), steps.abs().mean()]),
            steps.quantile(steps.new_tensor([0.05, 0.95])),
            torch.stack([x[:quarter].mean() - median, x[-quarter:].mean() - median]),
        ]
    ).float()
