"""Confidence intervals over subjects: slices of one speaker are not independent, so subjects are what is resampled.

The interval of a metric (a function of subject weights, `evaluation.weighted`) is

    value -+ t(1 - alpha/2, df) * se,    clipped to the range of the metric,

where se is its bootstrap standard error over subjects. Where each subject has one true class, subjects are resampled
within their class: each draw then holds every class (UAR is defined) in the proportions of the test part. From the n_k
subjects of a stratum n_k - 1 are drawn, which makes the variance unbiased (McCarthy & Snowden, Vital and Health
Statistics 1985); variances of strata add, and df is Welch-Satterthwaite's. Test parts have few speakers, and there t
holds its level while percentiles cannot reach beyond the speakers seen (Cameron, Gelbach & Miller, Rev. Econ. Stat.
2008).

Of R trainings (seeds) the interval is that of their mean, and those are drawn too: with V_S the variance over subjects
above, V_R = s^2(trainings) / R, and V_SR what both count (a training that suits some subjects),

    se^2 = V_S + max(0, V_R - V_SR),    V_SR = mean_r var(m_r - m) / (R - 1) over draws of subjects,

the estimator of a crossed design (Owen, The pigeonhole bootstrap, Ann. Appl. Stat. 2007, counts V_SR twice), with
R - 1 degrees of freedom for what training adds. One training says nothing about others: its interval holds for the
model as it is.

At subject level a subject is a single right or wrong decision, and resampling 5 right of 5 gives no width at all. There
the decisions of each class have a Dirichlet posterior with Jeffreys' weights (Brodersen et al., ICPR 2010, for balanced
accuracy; Brown, Cai & DasGupta, Statistical Science 2001).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from transfer.evaluation.aggregation import Level, Rule, decided_units, one_truth_per_subject
from transfer.evaluation.metrics import FloatArray, confusion, confusion_by_subject
from transfer.evaluation.predictions import class_names, validate_predictions
from transfer.evaluation.weighted import Statistic, count_metric, weighted_metric

__all__ = ["bootstrap_interval", "cluster_interval", "decision_interval", "units_interval"]


def bootstrap_interval(
    table: pd.DataFrame,
    metric: str,
    *,
    level: Level,
    rule: Rule = "mean",
    positive: str | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return a confidence interval of a metric over subjects (the method stands at the head of this module).

    Args:
        table: a prediction table of one part.
        metric: uar, accuracy, macro_f1; for two classes also sensitivity, specificity, auc, pr_auc, brier.
        level: whose decisions are scored: 'slice', 'recording' or 'subject' (`aggregation.decided_units`).
        rule: how slices are put together, 'mean' or 'vote'.
        positive: the positive class of two (`positive.positive_class`).
        draws: number of bootstrap draws.
        seed: of the draws; the same seed gives the same interval.
        confidence: nominal coverage in (0, 1).

    Returns:
        (low, high); (nan, nan) where the metric itself is not defined.

    Raises:
        UserError: no prediction table, an unknown metric, or one for two classes where there are more.

    Example:
        >>> row = {"corpus": "c", "part": "test", "recording": "r", "slice": 0}
        >>> right = [{"truth": "a", "p_a": 1.0, "p_b": 0.0}, {"truth": "b", "p_a": 0.0, "p_b": 1.0}]
        >>> rows = [{**row, "subject": f"s{i}", **right[i % 2]} for i in range(20)]
        >>> low, high = bootstrap_interval(pd.DataFrame(rows), "uar", level="subject")
        >>> round(low, 1), high
        (0.8, 1.0)
    """
    units, _ = decided_units(validate_predictions(table), level, rule=rule)
    return units_interval(units, metric, level=level, positive=positive, draws=draws, seed=seed, confidence=confidence)


def units_interval(
    units: pd.DataFrame,
    metric: str,
    *,
    level: Level,
    positive: str | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the interval of `bootstrap_interval` from units that are decided already (`aggregation.decided_units`).

    Args:
        units: decisions with `corpus, subject, truth` and p_ columns.
        metric: as there, like all that follows.
        level: the level that the units are of.
        positive: the positive class of two.
        draws: number of bootstrap draws.
        seed: of the draws.
        confidence: nominal coverage in (0, 1).

    Example:
        >>> units = pd.DataFrame({"corpus": "c", "subject": list("stuv"), "truth": list("abab"), "p_a": 0.9, "p_b": 0.1})
        >>> low, high = units_interval(units, "uar", level="subject")
        >>> low < 0.5 < high
        True
    """
    single = one_truth_per_subject(units)
    of_counts = count_metric(metric, class_names(units), positive)
    if level == "subject" and single and of_counts is not None:
        return decision_interval(of_counts, confusion(units), draws=draws, rng=seed, confidence=confidence)
    classes = confusion_by_subject(units).sum(axis=2).argmax(axis=1)
    strata = classes if single else np.zeros_like(classes)
    per_subject = level == "subject" and not single
    statistic = weighted_metric(units, metric, positive=positive, per_subject=per_subject)
    return cluster_interval(statistic, strata, draws=draws, rng=seed, confidence=confidence)


def cluster_interval(
    statistic: Statistic,
    strata: npt.NDArray[np.intp],
    *,
    draws: int = 2000,
    rng: np.random.Generator | int = 0,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """Return the t interval with bootstrap standard error of a function of subject weights.

    Where the standard error says nothing (one subject in a stratum, or all subjects alike), each subject is taken as
    one all-or-nothing observation: Jeffreys' interval of the value with n = G^2 / sum_k 1/n_k for G strata.

    Args:
        statistic: takes weights (D, S), gives values (D,), or (R, D): those of R trainings, whose mean is meant.
        strata: the stratum of each subject, (S,).
        draws: number of bootstrap draws for each stratum.
        rng: generator or seed.
        confidence: nominal coverage in (0, 1).
        bounds: the range of the statistic; (-1, 1) for a difference of two metrics.

    Returns:
        (low, high), within the bounds; (nan, nan) where the statistic is not defined.

    Raises:
        ValueError: confidence outside (0, 1) or fewer than two draws.

    Example:
        >>> correct = np.array([0.5, 0.7, 0.6, 0.8])
        >>> low, high = cluster_interval(lambda w: w @ correct / w.sum(1), np.zeros(4, dtype=int))
        >>> round(low, 1), round(high, 1)
        (0.4, 0.9)
    """
    _check(draws, confidence)
    generator = np.random.default_rng(rng)
    trained = np.atleast_2d(statistic(np.ones((1, len(strata)))))[:, 0]  # (R,)
    value = float(trained.mean())
    if np.isnan(value):
        return value, value
    sizes, variances, both = [], [], 0.0
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        weights = np.ones((draws, len(strata)))
        if n > 1:
            weights[:, members] = generator.multinomial(n - 1, np.full(n, 1 / n), size=draws) * (n / (n - 1))
        sizes.append(n)
        over_subjects, over_both = _variances(np.atleast_2d(statistic(weights)))
        variances.append(over_subjects)
        both += over_both
    variance, tail = sum(variances), (1 - confidence) / 2
    if min(sizes) < 2 or variance < 1e-16:
        return _jeffreys(value, len(sizes) ** 2 / sum(1 / n for n in sizes), tail, bounds)
    freedom = [n - 1 for n in sizes]
    if len(trained) > 1:
        variances.append(max(0.0, float(trained.var(ddof=1)) / len(trained) - both))
        freedom.append(len(trained) - 1)
    variance = sum(variances)
    df = variance**2 / sum(v**2 / each for v, each in zip(variances, freedom, strict=True))
    half = float(stats.t.ppf(1 - tail, df)) * variance**0.5
    return max(bounds[0], value - half), min(bounds[1], value + half)


def _variances(values: FloatArray) -> tuple[float, float]:
    """Return the variance over draws of the mean of trainings, and the part of it that is each training's own (V_SR).

    Args:
        values: of R trainings and D draws, (R, D); a draw may hold nothing that the metric is about.
    """
    values = values[:, ~np.isnan(values).any(axis=0)]
    if not values.size:
        return 0.0, 0.0
    mean = values.mean(axis=0)
    own = float((values - mean).var(axis=1).mean()) / (len(values) - 1) if len(values) > 1 else 0.0
    return float(mean.var()), own


def decision_interval(
    metric: Statistic,
    counts: FloatArray,
    *,
    draws: int = 2000,
    rng: np.random.Generator | int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the posterior interval of a metric of independent decisions, one a subject.

    The decisions of the subjects of true class i are Dirichlet(c_i1 + a_i1, ..., c_iK + a_iK), a = 1/2 for the right
    class and 1/2 shared by the wrong ones; the interval holds the quantiles of the metric, and the metric itself.

    Args:
        metric: takes counts (..., K, K), gives values (...).
        counts: decisions by true class, (K, K).
        draws: number of draws.
        rng: generator or seed.
        confidence: nominal coverage in (0, 1).

    Returns:
        (low, high); (nan, nan) where the metric is not defined.

    Raises:
        ValueError: confidence outside (0, 1) or fewer than two draws.

    Example:
        >>> from transfer.evaluation.metrics import uar
        >>> low, high = decision_interval(uar, np.diag([5.0, 5.0]))
        >>> 0.7 < low < 0.8, high
        (True, 1.0)
    """
    _check(draws, confidence)
    value = float(metric(counts))
    if np.isnan(value):
        return value, value
    # Classes that are neither true nor decided stay out of the prior: they would drag macro F1 down.
    used = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1) > 0)
    used = used if len(used) > 1 else np.arange(len(counts))
    prior = np.zeros_like(counts)
    prior[np.ix_(used, used)] = 0.5 / (len(used) - 1)
    prior[used, used] = 0.5
    gammas = np.random.default_rng(rng).standard_gamma(counts + prior, size=(draws, *counts.shape))  # (D, K, K)
    rows = gammas.sum(axis=2, keepdims=True)
    shares = np.divide(gammas, rows, out=np.zeros_like(gammas), where=rows > 0)
    values = metric(shares * counts.sum(axis=1)[:, None])
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return min(float(low), value), max(float(high), value)


def _check(draws: int, confidence: float) -> None:
    """Refuse a confidence that is none and too few draws."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected a number between 0 and 1, such as 0.95")
    if draws < 2:
        raise ValueError(f"draws is {draws}; expected 2 or more, such as 2000")


def _jeffreys(value: float, n: float, tail: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return Jeffreys' interval of a value seen in n all-or-nothing observations; it reaches the bound it touches."""
    low, span = bounds[0], bounds[1] - bounds[0]
    share = (value - low) / span
    ends = stats.beta.ppf([tail, 1 - tail], n * share + 0.5, n * (1 - share) + 0.5)
    return low + span * min(float(ends[0]), share), low + span * max(float(ends[1]), share)
