"""Numbers and names in words: the same in the page, in Markdown, in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["answer", "metric_words", "p_words", "set_apart", "tally", "with_interval"]

METRICS = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "ece": "ECE",
    "ccc": "CCC",
    "mae": "MAE",
    "rmse": "RMSE",
}
UNITS = {"subject": "each subject", "recording": "each recording", "slice": "each slice"}


def metric_words(metric: str) -> str:
    """Return a metric as it is written.

    Example:
        >>> metric_words("macro_f1"), metric_words("valid_accuracy")
        ('macro F1', 'valid accuracy')
    """
    return METRICS.get(metric, metric.replace("_", " "))


def with_interval(value: float | None, interval: Sequence[float | None] | None, *, signed: bool = False) -> str:
    """Return a value with its interval.

    Example:
        >>> with_interval(0.084, [0.011, 0.15], signed=True), with_interval(None, None)
        ('+0.08 [+0.01, +0.15]', '–')
    """
    if value is None:
        return "–"
    sign = "+" if signed else ""
    if not interval or None in interval:
        return f"{value:{sign}.2f}"
    return f"{value:{sign}.2f} [{interval[0]:{sign}.2f}, {interval[1]:{sign}.2f}]"


def p_words(p: float | None) -> str:
    """Return a p-value.

    Example:
        >>> p_words(0.0123), p_words(0.0004), p_words(None)
        ('0.012', '<0.001', '–')
    """
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def set_apart(row: Mapping[str, Any]) -> bool:
    """Tell a system that is not ranked beside the honest ones."""
    return row.get("rank") is None


def answer(result: Mapping[str, Any]) -> list[str]:
    """Return what a comparison found, in two sentences.

    Args:
        result: what `comparison.json` holds.

    Example:
        >>> best = {"name": "ddg", "rank": 1, "score": 0.71, "interval": [0.6, 0.81], "sentence": "ddg gains."}
        >>> result = {"systems": [best], "metric": "uar", "level": "subject", "subjects": 52, "chance": 0.5}
        >>> answer(result)
        ['ddg scores highest: UAR 0.71 [0.60, 0.81], judged by each subject (52 test subjects), above chance (0.50).', 'ddg gains.']
    """
    honest = [row for row in result["systems"] if not set_apart(row) and row.get("score") is not None]
    if not honest:
        return ["No system has an honest result, so nothing can be said.", "The failures and marks below say why."]
    best = honest[0]
    unit = UNITS.get(result["level"], str(result["level"]))
    equals = [row["name"] for row in honest if f"{row['score']:.4f}" == f"{best['score']:.4f}"]
    who, how = f"{best['name']} scores", " highest"
    if len(equals) > 1:
        who, how = f"{', '.join(equals[:-1])} and {equals[-1]} score", " highest" if len(equals) < len(honest) else ""
    first = (
        f"{who}{how}{' alike' if len(equals) > 1 else ''}: {metric_words(result['metric'])} "
        f"{with_interval(best['score'], best.get('interval'))}, judged by {unit} ({result['subjects']} test subjects)"
        f"{_against_chance(best.get('interval'), result.get('chance'))}."
    )
    baseline = result.get("baseline")
    if baseline in equals and len(honest) > 1:
        it = "It is the baseline" if len(equals) == 1 else f"{baseline} is the baseline"
        return [first, f"{it}, training without transfer: nothing that transfers scores above {baseline}."]
    return [first, *([str(best["sentence"])] if best.get("sentence") else [])]


def tally(result: Mapping[str, Any]) -> str:
    """Return how many of the honest systems, controls aside, gain over the baseline, in words; '' where there is none.

    Example:
        >>> gained = {"rank": 1, "gain": {"verdict": "positive"}}
        >>> tally({"baseline": "scratch", "systems": [gained, {"rank": 2, "gain": None}]})
        'Against scratch: 1 of 1 gains, 0 are inconclusive, 0 lose.'
    """
    rows = [row for row in result["systems"] if not set_apart(row) and row.get("role") != "control"]
    verdicts = [row["gain"]["verdict"] for row in rows if row.get("gain")]
    if not verdicts or not result.get("baseline"):
        return ""
    found = {kind: verdicts.count(kind) for kind in ("positive", "inconclusive", "negative")}
    return (
        f"Against {result['baseline']}: {found['positive']} of {len(verdicts)} gain{'s' * (found['positive'] == 1)}, "
        f"{found['inconclusive']} {'is' if found['inconclusive'] == 1 else 'are'} inconclusive, "
        f"{found['negative']} lose{'s' * (found['negative'] == 1)}."
    )


def _against_chance(interval: Sequence[float | None] | None, chance: float | None) -> str:
    """Say how an interval lies to chance."""
    if chance is None or not interval or interval[0] is None or interval[1] is None:
        return ""
    if interval[0] > chance:
        return f", above chance ({chance:.2f})"
    return f", {'below' if interval[1] < chance else 'not told apart from'} chance ({chance:.2f})"
