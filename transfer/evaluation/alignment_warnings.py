"""What went wrong in an adaptation, in plain words, from what the monitor and the diagnostics measured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["alignment_warnings", "prior_warning", "total_variation"]

WON = 0.95  # domain accuracy above which the extractor has lost
CHANCE = 0.05  # around 1/2: a discriminator that has learned nothing
APART = 1.0  # proxy A-distance at which a linear classifier tells 3 of 4 slices
VANISHED, DOMINATES = 1e-3, 10.0  # gradient of the alignment over that of the task
SHIFTED = 0.2  # total variation of class priors
FEWEST = 20  # labels from which a prior is estimated

Pair = tuple[Tensor, Tensor]
Gaps = Mapping[str, Mapping[str, Mapping[str, float]] | None]


def alignment_warnings(epochs: Sequence[Mapping[str, float]], gaps: Gaps, negative: Collection[str] = ()) -> list[str]:
    """Return the warnings of a stage.

    Args:
        epochs: figures of each epoch (`transfer.evaluation.monitor`); fewer than three with a figure say nothing.
        gaps: `before` and `after` training -> level -> domain gap (`transfer.evaluation.diagnostics`).
        negative: terms that were weighted below zero.

    Example:
        >>> epochs = [{"monitor/domain_accuracy": 0.99, "monitor/gradient_ratio": 0.5}] * 6
        >>> alignment_warnings(epochs, {"after": None})[0][:38]
        'the domain discriminator won: it tells'
    """
    found = [
        f"the loss term {name} has a negative weight: training makes it larger, not smaller"
        for name in sorted(negative)
    ]
    accuracies = [e["monitor/domain_accuracy"] for e in epochs if "monitor/domain_accuracy" in e]
    ratios = [e["monitor/gradient_ratio"] for e in epochs if "monitor/gradient_ratio" in e]
    found += _discriminator(accuracies, gaps) if len(accuracies) >= 3 else []
    found += _gradients(ratios) if len(ratios) >= 3 else []
    return found


def prior_warning(labels: Pair, predicted: Callable[[], Pair], classes: int) -> list[str]:
    """Return a warning where the class priors of source and target differ by more than 0.2 in total variation.

    Args:
        labels: of source and target, those that training used, (n,) and (m,).
        predicted: gives predicted classes of source and target slices, which stand in where fewer than 20 labels of the
            target are used; predictions on both sides, so that a class which the model prefers everywhere is no shift.
        classes: K.

    Example:
        >>> even, skewed = torch.arange(40) % 2, torch.zeros(40).long()
        >>> prior_warning((even, even), lambda: (even, skewed), 2)
        []
        >>> prior_warning((even, skewed), lambda: (even, even), 2)[0][:60]
        'the class priors of source and target differ (total variatio'
    """
    by_label = len(labels[1]) >= FEWEST
    source, target = labels if by_label else predicted()
    if min(len(source), len(target)) < FEWEST:
        return []
    distance = total_variation(source, target, classes)
    if distance <= SHIFTED:
        return []
    how = (
        "by the labels that training used"
        if by_label
        else "by predictions on both, too few target labels being used: a model that errs on the target looks the same"
    )
    return [
        f"the class priors of source and target differ (total variation {distance:.2f}, {how}): "
        "marginal alignment then mixes classes; try a class-conditional loss, or balanced sampling"
    ]


def total_variation(first: Tensor, second: Tensor, classes: int) -> float:
    """Return half the sum of |p_k - q_k| over the class shares of two sets of labels.

    Example:
        >>> total_variation(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), 2)
        0.25
    """
    p, q = (torch.bincount(x.cpu(), minlength=classes) / len(x) for x in (first, second))
    return float((p - q).abs().sum()) / 2


def _discriminator(accuracies: Sequence[float], gaps: Gaps) -> list[str]:
    """Say whether the discriminator won, or never learned."""
    late = _last_third(accuracies)
    if min(late) > WON:
        return [
            f"the domain discriminator won: it tells {sum(late) / len(late):.0%} of the slices in the last third of training, "
            "so that the features were not aligned; try a larger weight of the loss, or a smaller rate for the discriminator"
        ]
    after = [gap["a_distance"] for gap in (gaps.get("after") or {}).values()]
    if all(abs(value - 0.5) <= CHANCE for value in accuracies) and after and max(after) >= APART:
        return [
            "the domain discriminator collapsed: it is at chance from the first epoch on, while a fresh linear classifier "
            f"tells the domains apart (proxy A-distance {max(after):.2f}); its silence is no alignment: try a larger rate for it"
        ]
    return []


def _gradients(ratios: Sequence[float]) -> list[str]:
    """Say whether alignment or task no longer counts at the extractor."""
    late: Any = sorted(_last_third(ratios))
    middle = late[len(late) // 2]
    if middle < VANISHED:
        return [
            f"the alignment's gradient vanished: at the extractor it is {middle:.1e} of the task's in the last third of "
            "training, so that nothing was aligned; try a larger weight or another level"
        ]
    if middle > DOMINATES:
        return [
            f"the alignment's gradient dominates: at the extractor it is {middle:.0f} times the task's in the last third of "
            "training; try a smaller weight"
        ]
    return []


def _last_third(values: Sequence[float]) -> Sequence[float]:
    """Return the last third, one value at least."""
    return values[-max(1, len(values) // 3) :]
