"""What a gain against the baseline means, in a word and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from transfer.evaluation.marks import DISHONEST

__all__ = ["Verdict", "gain_sentence", "negative_warning", "verdict_of"]

Verdict = Literal["positive", "inconclusive", "negative"]


def verdict_of(interval: Sequence[float] | None) -> Verdict:
    """Return 'positive' where the interval of a gain lies above 0, 'negative' where below, else 'inconclusive'.

    Example:
        >>> verdict_of([0.01, 0.15]), verdict_of([-0.01, 0.15]), verdict_of([-0.2, -0.1])
        ('positive', 'inconclusive', 'negative')
    """
    if interval is None:
        return "inconclusive"
    return "positive" if interval[0] > 0 else "negative" if interval[1] < 0 else "inconclusive"


def gain_sentence(
    name: str,
    baseline: str,
    gain: Mapping[str, Any],
    *,
    subjects: int,
    seeds: int,
    marks: Sequence[str],
    alpha: float = 0.05,
) -> str:
    """Say a gain with its interval, its corrected p-value, and what it rests on.

    Args:
        name: the system.
        baseline: what it is compared with.
        gain: `value, interval, p_holm, verdict`.
        subjects: that both tested.
        seeds: in which both did.
        marks: of the system; what is dishonest is said.
        alpha: above which corrected p a verdict is said to rest on its interval alone.

    Example:
        >>> gain = {"value": 0.08, "interval": [0.01, 0.15], "p_holm": 0.012, "verdict": "positive"}
        >>> gain_sentence("ddg", "scratch", gain, subjects=52, seeds=3, marks=[])
        'ddg gains +0.08 [+0.01, +0.15] over scratch (p = 0.012 after Holm; 52 subjects, 3 seeds): positive.'
    """
    ends = gain["interval"]
    between = f" [{ends[0]:+.2f}, {ends[1]:+.2f}]" if ends else ""
    p = gain["p_holm"]
    chance = "no p-value" if p is None else "p < 0.001 after Holm" if p < 0.001 else f"p = {p:.3f} after Holm"
    on = f"{_count(subjects, 'subject')}, {_count(seeds, 'seed')}"
    said = f"{name} gains {gain['value']:+.2f}{between} over {baseline} ({chance}; {on}): {gain['verdict']}."
    if gain["verdict"] != "inconclusive" and p is not None and p > alpha:
        said += " By its interval alone: among all gains of this table, one of this size may be chance."
    wrong = [mark for mark in marks if mark in DISHONEST]
    return said + (f" It is {' and '.join(wrong)}: not a result to report." if wrong else "")


def negative_warning(name: str, baseline: str, gain: Mapping[str, Any]) -> str:
    """Warn of a transfer that made things worse.

    Example:
        >>> negative_warning("mmd", "scratch", {"value": -0.1, "interval": [-0.2, -0.02]})
        'negative transfer: mmd scores 0.100 lower than scratch, and at least 0.020 lower by its interval: leave it out here'
    """
    least = abs(gain["interval"][1])
    return (
        f"negative transfer: {name} scores {abs(gain['value']):.3f} lower than {baseline}, and at least {least:.3f} "
        "lower by its interval: leave it out here"
    )


def _count(n: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{n} {what}{'s' * (n != 1)}"
