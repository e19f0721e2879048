"""Weights of loss terms as pure functions of training progress p in [0, 1]."""

from __future__ import annotations

from typing import Literal

from losses import reversal_strength

__all__ = ["WeightSchedule", "weight_factor"]

WeightSchedule = Literal["constant", "linear", "warmup", "ramp"]

WARMUP = 0.1  # share of training over which `warmup` rises


def weight_factor(schedule: WeightSchedule, progress: float) -> float:
    """Return the factor on a weight.

    constant 1; linear p; warmup min(1, p / 0.1); ramp 2 / (1 + exp(-10 p)) - 1 (Ganin et al., JMLR 2016).

    Args:
        schedule: which.
        progress: share of the stage's steps done, in [0, 1].

    Example:
        >>> [round(weight_factor(name, 0.05), 3) for name in ("constant", "linear", "warmup", "ramp")]
        [1.0, 0.05, 0.5, 0.245]
    """
    if schedule == "linear":
        return progress
    if schedule == "warmup":
        return min(1.0, progress / WARMUP)
    return reversal_strength(progress) if schedule == "ramp" else 1.0
