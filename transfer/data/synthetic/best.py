r"""The best score that can be had, known from the factors that the generator draws, without any audio.

A clip of class k has the factors $x = s\,d_k + h + m + o$: the class's displacement $d_k$ at a random strength $s$, the
speaker's habit $h \sim N(0, \Sigma_h)$, the moment's variation $m \sim N(0, \Sigma_m)$ and the domain's displacement $o$.
Audio is made from $x$ and from what does not depend on the class, so that no rule that hears a clip scores better than
the best rule that is given $x$ (Bayes rule; for the unweighted average recall, that of equally likely classes):

$$\mathrm{UAR}^* = \mathbb{E}_x \max_j P(\text{label} = j \mid x), \qquad p(x \mid k) = \mathbb{E}_s N(x; s d_k + o, \Sigma)$$

The expectation over x is a simulation with fixed draws, that over s a quadrature over normal quantiles.
Reference: Fukunaga, Introduction to Statistical Pattern Recognition, 1990, chapter 3.

Axis letters: N clips, K classes, S strengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import norm

from transfer.data.synthetic.domains import Shift, shifted
from transfer.data.synthetic.factors import BETWEEN_CLIPS, BETWEEN_SPEAKERS, Shown, expressivity
from transfer.data.synthetic.layouts import LAYOUTS
from transfer.data.synthetic.recording import Order

__all__ = ["carried_over", "known_best"]

Floats = NDArray[np.float64]

DRAWS = 500  # clips simulated of each class
_STRENGTHS = norm.ppf((np.arange(24) + 0.5) / 24)


@dataclass(frozen=True)
class _Rule:
    """What a rule takes for granted: the classes, their moments' deviation, label noise, and where the domain lies."""

    shown: Sequence[Shown]
    moment: Floats
    label_noise: float
    displacement: Floats

    @classmethod
    def of(cls, order: Order, names: Sequence[str]) -> _Rule:
        """Return the rule that is best in a corpus, for some of its classes."""
        by_name = {shown.name: shown for shown in LAYOUTS[order.name].shows.values()}
        moment = np.array(astuple(BETWEEN_CLIPS)) * order.difficulty.spread_factor
        displacement = np.array(astuple(shifted(order.name, order.shift).displacement))
        return cls([by_name[name] for name in names], moment, order.difficulty.label_noise, displacement)

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Draw clips of all classes alike: factors less the habit (N, 7), habits (N, 7) and expressivities (N,)."""
        express = expressivity(rng.standard_normal(DRAWS * len(self.shown)))
        strengths = [shown.strength(rng.standard_normal(DRAWS)) for shown in self.shown]
        directions = np.repeat([astuple(shown.direction) for shown in self.shown], DRAWS, axis=0)
        expressed = np.repeat([shown.expressed for shown in self.shown], DRAWS)
        size = np.concatenate(strengths) * np.where(expressed, express, 1.0)
        noise, habit = rng.standard_normal((2, *directions.shape))
        x = size[:, None] * directions + self.moment * noise + self.displacement
        return x, np.array(astuple(BETWEEN_SPEAKERS)) * habit, express

    def posterior(self, x: Floats, express: Floats | None = None) -> Floats:
        """Return the probability of each label, (N, 7) to (N, K); where expressivities are given, habits are known."""
        deviation = self.moment if express is not None else np.hypot(self.moment, astuple(BETWEEN_SPEAKERS))
        white = (x - self.displacement) / deviation
        columns = []
        for shown in self.shown:
            direction = np.array(astuple(shown.direction)) / deviation
            strengths = self._strengths(shown, express)  # (1 or N, S)
            exponent = strengths * (white @ direction)[:, None] - 0.5 * strengths**2 * (direction @ direction)
            columns.append(logsumexp(exponent, axis=1))
        clean: Floats = softmax(np.stack(columns, axis=1), axis=1)
        other = self.label_noise / (len(self.shown) - 1)
        noisy: Floats = (1.0 - self.label_noise - other) * clean + other
        return noisy

    def _strengths(self, shown: Shown, express: Floats | None) -> Floats:
        """Return equally likely strengths of a class: of each clip's speaker, or of all speakers, shape (1 or N, S)."""
        inner = shown.strength(_STRENGTHS)
        if not shown.expressed:
            return inner[None]
        if express is not None:
            return np.multiply.outer(express, inner)
        both = np.sort(np.outer(expressivity(_STRENGTHS), inner), axis=None)
        quantiles: Floats = both.reshape(len(_STRENGTHS), -1).mean(axis=1)
        return quantiles[None]


def known_best(order: Order) -> dict[str, Any] | None:
    """Return the best unweighted average recall in a corpus, for a clip judged by itself.

    The class prior does not enter: the measure weighs all classes alike. With `label_noise` the score is that against
    the labels as written.

    Args:
        order: What was ordered of `synthesize`.

    Returns:
        `classes`, their number; `uar`, of a rule that hears the speaker for the first time, `uar_known_speaker`, of one
        that knows the speaker's habit and expressivity; `uar_unadapted`, of the rule that is best without a shift,
        which does not know that the domain lies elsewhere; `standard_error` of the simulation of `uar`. None for labels
        of frames, which the factors do not decide.

    Example:
        >>> best = known_best(Order("emovo", 0, Shift.uniform(0.5), 6, 5))
        >>> best["uar_unadapted"] < best["uar"] < best["uar_known_speaker"]
        True
    """
    names = [shown.name for shown in LAYOUTS[order.name].shows.values()]
    if not names:
        return None
    own = _Rule.of(order, names)
    common = _Rule.of(replace(order, shift=Shift()), names)
    x, habit, express = own.draw(np.random.default_rng(0))
    heard, known = own.posterior(x + habit), own.posterior(x, express)
    unadapted = common.posterior(x + habit).argmax(axis=1)
    return {
        "classes": len(names),
        "uar": _round(heard.max(axis=1)),
        "uar_known_speaker": _round(known.max(axis=1)),
        "uar_unadapted": _round(heard[np.arange(len(x)), unadapted]),
        "standard_error": float(np.round(heard.max(axis=1).std() / np.sqrt(len(x)), 4)),
    }


def carried_over(source: Order, target: Order) -> dict[str, Any] | None:
    """Return the score in a target of the rule that is best in a source, and the best one there.

    Args:
        source: What was ordered of the source.
        target: What was ordered of the target.

    Returns:
        `classes`, those that both have; `uar`, the best in the target among them; `uar_unadapted`, of the source's best
        rule carried over as it is. What lies between is what an adaptation can win. None with fewer than two classes.

    Example:
        >>> score = carried_over(Order("nemo", 0, Shift.uniform(1.0), 9, 5), Order("emovo", 0, Shift.uniform(1.0), 6, 5))
        >>> score["classes"], score["uar_unadapted"] < score["uar"] - 0.1
        (6, True)
    """
    theirs = {shown.name for shown in LAYOUTS[source.name].shows.values()}
    names = [shown.name for shown in LAYOUTS[target.name].shows.values() if shown.name in theirs]
    if len(names) < 2:
        return None
    there, here = _Rule.of(source, names), _Rule.of(target, names)
    x, habit, _ = here.draw(np.random.default_rng(0))
    heard = here.posterior(x + habit)
    unadapted = there.posterior(x + habit).argmax(axis=1)
    return {
        "classes": len(names),
        "uar": _round(heard.max(axis=1)),
        "uar_unadapted": _round(heard[np.arange(len(x)), unadapted]),
    }


def _round(values: Floats) -> float:
    """Return the mean to what a simulation can tell."""
    return float(np.round(values.mean(), 4))
