"""Learning-rate schedules as pure functions of training progress p in [0, 1]; nothing here counts steps."""

from __future__ import annotations

import math

from transfer.recipe import Schedule

__all__ = ["learning_rate_factor"]


def learning_rate_factor(schedule: Schedule, *, epoch: int, progress: float, epochs: int) -> float:
    """Return the factor on every learning rate.

    constant 1; step gamma^(epoch // step_size); cosine from 1 to `minimum`; warm_restarts the same over cycles of
    T_0, T_0 T_mult, ... epochs (Loshchilov & Hutter, ICLR 2017); noam linear warm-up over the share w, then sqrt(w / p)
    (Vaswani et al., NeurIPS 2017, normalised to a peak of 1); dann (1 + 10 p)^-0.75 (Ganin et al., JMLR 2016).

    Args:
        schedule: the recipe's section.
        epoch: whole epochs done.
        progress: share of the stage's steps done, in [0, 1].
        epochs: length of the stage.

    Example:
        >>> learning_rate_factor(Schedule(name="step", step_size=30, gamma=0.3), epoch=60, progress=0.6, epochs=100)
        0.09
    """
    if schedule.name == "step":
        return schedule.gamma ** (epoch // schedule.step_size)
    if schedule.name == "cosine":
        return _cosine(progress, schedule.minimum)
    if schedule.name == "warm_restarts":
        return _cosine(_cycle(progress * epochs, schedule.T_0, schedule.T_mult), schedule.minimum)
    if schedule.name == "noam":
        return _noam(progress, schedule.warmup)
    return float((1 + 10 * progress) ** -0.75) if schedule.name == "dann" else 1.0


def _cosine(p: float, minimum: float) -> float:
    """Fall from 1 to the minimum along half a cosine."""
    return minimum + (1 - minimum) * (1 + math.cos(math.pi * p)) / 2


def _cycle(time: float, length: float, growth: int) -> float:
    """Return the position within the cycle of growing length that a time (epochs) falls into."""
    while time >= length:
        time, length = time - length, length * growth
    return time / length


def _noam(p: float, warmup: float) -> float:
    """Rise to 1 at the end of warm-up, then fall as the inverse root."""
    return min(p / warmup, math.sqrt(warmup / p)) if p > 0 else 1e-3
