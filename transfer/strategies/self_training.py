"""Self-training: rounds of pseudo-labels for all of the unlabelled target, the surest of each class first.

Axis letters: N slices, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from transfer.data.domain import HIDDEN, Batch
from transfer.errors import RecipeError
from transfer.strategies.base import Draw, Phase, Setting, Strategy
from transfer.strategies.semi import surest

__all__ = ["SelfTraining", "class_balanced_weights"]

CHUNK = 256  # slices of a pass without gradient


def class_balanced_weights(labels: Tensor) -> Tensor:
    """Return weights with which every class there is counts the same, and a mean over all slices is a mean of classes.

    w_i = N / (K n_k) for a slice of class k, of which there are n_k, and 0 without a label; K counts the classes there are.

    Args:
        labels: class indices, negative where there is none, (N,).

    Example:
        >>> class_balanced_weights(torch.tensor([0, 0, 1, -1]))
        tensor([1., 1., 2., 0.])
    """
    counts = torch.bincount(labels[labels >= 0], minlength=1).float()
    there = int((counts > 0).sum())
    weights = len(labels) / (counts * max(there, 1)).clamp(min=1)
    return torch.where(labels >= 0, weights[labels.clamp(min=0)], 0.0)


class SelfTraining(Strategy):
    """Learn the labels there are, then take the model's own predictions of the target for labels, round after round.

    L = task + q * weight * mean_i w_i CE(z_i, y_i) over the unlabelled target slices. The first `warmup` of the epochs
    have q = 0. At each later epoch the model, in evaluation, labels all of them anew; of the slices predicted as a class
    the share q of the surest get their label y, and q grows linearly to `share` at the end. w_i lets every class count
    the same whatever its number of slices, so that no prior of the target is assumed in the loss, and an easy class does
    not crowd out the others. The labels of a round are fixed for an epoch, and chosen over the whole target: `semi`
    decides within each batch. Task and corpora are those of joint training where the target has labels.

    References: Lee, Pseudo-Label, ICML-W 2013; Zou et al., Class-balanced self-training, ECCV 2018.

    Args:
        weight: of the pseudo-labels beside a corpus with labels.
        share: of the slices of each predicted class, how many have a label at the end.
        warmup: share of the epochs before the first round.
        source_supervision: learn the source's labels too where the target has some.

    Example:
        >>> SelfTraining(warmup=0.5).share_at(0.75)
        0.5
    """

    needs_source: ClassVar[bool] = False

    def __init__(
        self, *, weight: float = 2.0, share: float = 1.0, warmup: float = 0.25, source_supervision: bool = True
    ) -> None:
        super().__init__()
        if weight < 0 or not 0 < share <= 1 or not 0 <= warmup < 1:
            raise RecipeError(
                "strategy self_training: expected weight >= 0, share in (0, 1] and warmup in [0, 1), got "
                f"{weight}, {share} and {warmup}"
            )
        self.weight, self.share, self.warmup, self.source_supervision = weight, share, warmup, source_supervision

    def attach(self, setting: Setting) -> None:
        """Find the unlabelled target slices.

        Raises:
            RecipeError: where there is none.
        """
        super().attach(setting)
        domain = setting.domains[setting.target]
        free = domain.pools["any"].to(domain.labels.device)
        self.free = free[domain.labels[free] == HIDDEN]
        if not len(self.free):
            raise RecipeError(
                "strategy self_training learns from unlabelled target slices, but all are labelled; set "
                "target.labelled_speakers to a number, a list or none, or choose joint"
            )
        self.pseudo = torch.full_like(domain.labels, HIDDEN)
        self.balance = torch.zeros(len(domain.labels), device=domain.labels.device)

    def progress(self) -> dict[str, Any]:
        """Return the labels of the round."""
        return {"pseudo": self.pseudo, "balance": self.balance}

    def restore_progress(self, state: Mapping[str, Any]) -> None:
        """Put the labels of the round back."""
        self.pseudo.copy_(state["pseudo"])
        self.balance.copy_(state["balance"])

    def share_at(self, progress: float) -> float:
        """Return q, the share of the slices of each predicted class that have a label, at a point of training."""
        return self.share * max(progress - self.warmup, 0.0) / (1 - self.warmup)

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass over the labelled slices, and from the first round on over the labelled-anew target beside."""
        s = self.setting
        corpora = self._learned()
        draws = tuple(Draw(name) for name in corpora)
        share = self.share_at((epoch + 1) / s.training.epochs)
        if share <= 0:
            return [Phase("task", draws, self._tasks)]
        self._label(share)
        weights = {"pseudo": share * self.weight, "kept": 0.0}
        return [Phase("self_training", (*draws, Draw(s.target, "any")), self._terms, weights)]

    def _learned(self) -> tuple[str, ...]:
        """Return the corpora whose labels are learned."""
        s = self.setting
        if not s.supervised:
            return s.sources
        return (*s.sources, s.target) if self.source_supervision else (s.target,)

    @torch.no_grad()
    def _label(self, share: float) -> None:
        """Label the surest target slices by the model as it is, which is left in the mode that it was in."""
        s, training = self.setting, self.setting.model.training
        domain = s.domains[s.target]
        s.model.eval()
        batches = (domain.batch(rows) for rows in torch.split(self.free, CHUNK))
        logits = torch.cat([s.model(batch.features, batch.lengths, s.target).float() for batch in batches])
        s.model.train(training)
        probabilities = logits.softmax(1)
        kept = surest(probabilities, confidence=0.0, share=share)
        self.pseudo[self.free] = torch.where(kept, probabilities.argmax(1), HIDDEN)
        rows = domain.pools["any"].to(self.pseudo.device)  # what batches are drawn from
        self.balance[rows] = class_balanced_weights(self.pseudo[rows])

    def _tasks(self, batches: Sequence[Batch], progress: float) -> dict[str, Tensor]:
        """Return the task loss of each corpus with labels."""
        return {f"task_{name}": self.task(name, batch) for name, batch in zip(self._learned(), batches, strict=True)}

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return the tasks and the loss of the pseudo-labels of a step."""
        batch = batches[-1]
        labels, balance = self.pseudo[batch.rows], self.balance[batch.rows]
        logits: Tensor = self.setting.model(batch.features, batch.lengths, self.setting.target)
        losses = F.cross_entropy(logits, labels.clamp(min=0), reduction="none")  # (n,); weighed 0 without a label
        kept = (labels != HIDDEN).float().mean()
        return {**self._tasks(batches[:-1], progress), "pseudo": (balance * losses).mean(), "kept": kept}
