"""Semi-supervised transfer: pseudo-labels of the unlabelled target slices, and entropy minimisation.

Axis letters: N slices, K classes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from losses.classification import cross_entropy
from losses.entropy import entropy
from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.strategies.base import Draw, Phase, Setting, Strategy
from transfer.strategies.weight_schedules import WeightSchedule, weight_factor

__all__ = ["SemiSupervised", "surest"]


def surest(probabilities: Tensor, *, confidence: float, share: float = 1.0) -> Tensor:
    """Return which predictions become pseudo-labels, (N,).

    Those whose probability reaches the confidence; and of the rows predicted as each class, the given share of the most
    probable ones (rounded up), so that an easy class does not crowd out the others.

    Args:
        probabilities: (N, K).
        confidence: least probability of the predicted class.
        share: of each predicted class, in (0, 1].

    Example:
        >>> p = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]])
        >>> surest(p, confidence=0.75).tolist()
        [True, True, False, False]
        >>> surest(p, confidence=0.0, share=0.3).tolist()
        [True, False, False, True]
    """
    top, guess = probabilities.max(1)
    kept = top >= confidence
    if share < 1:
        for k in range(probabilities.shape[1]):
            of_class = torch.nonzero(guess == k).flatten()
            order = of_class[top[of_class].argsort(descending=True, stable=True)]
            kept[order[math.ceil(share * len(order)) :]] = False
    return kept


class SemiSupervised(Strategy):
    """Supervised training plus pseudo-labels above a confidence, and low entropy, on unlabelled target slices.

    L = task + s(p) * (pseudo * 1/N sum_{i kept} CE(z_i, argmax t_i) + entropy * H(z)), where z are the model's logits of
    the N unlabelled slices of a batch, and t the teacher's: the model itself, or a moving average of its weights. Task and
    corpora are those of joint training where the target has labels, and the source's alone where it has none. The share of
    slices that get a pseudo-label is logged as `kept`.

    References: Lee, Pseudo-Label, ICML-W 2013; Sohn et al., FixMatch, NeurIPS 2020 (confidence); Zou et al., CBST, ECCV
    2018 (share of each class); Tarvainen & Valpola, Mean Teacher, NeurIPS 2017; Grandvalet & Bengio, NeurIPS 2004 (entropy).

    Args:
        pseudo: weight of the pseudo-labels.
        entropy: weight of the entropy.
        confidence: least probability of a pseudo-label.
        class_share: of the slices of a batch predicted as each class, the share of the surest ones that may be kept.
        schedule: of both weights: `constant`, `linear`, `warmup` or `ramp`.
        teacher: `self`, or `ema`, the moving average, without dropout and with BatchNorm in eval mode.
        decay: of the moving average, a step.
        source_supervision: learn the source's labels too where the target has some.

    Example:
        >>> SemiSupervised(teacher="ema").frozen(epoch=0)
        ('teacher',)
    """

    needs_source: ClassVar[bool] = False

    def __init__(
        self,
        *,
        pseudo: float = 1.0,
        entropy: float = 0.1,
        confidence: float = 0.9,
        class_share: float = 1.0,
        schedule: WeightSchedule = "ramp",
        teacher: Literal["self", "ema"] = "self",
        decay: float = 0.99,
        source_supervision: bool = True,
    ) -> None:
        super().__init__()
        if min(pseudo, entropy) < 0 or not 0 <= confidence <= 1 or not 0 < class_share <= 1 or not 0 <= decay < 1:
            raise RecipeError(
                "strategy semi: expected pseudo, entropy >= 0, confidence in [0, 1], class_share in (0, 1] and decay in "
                f"[0, 1), got {pseudo}, {entropy}, {confidence}, {class_share} and {decay}"
            )
        self.weights = {"pseudo": pseudo, "entropy": entropy}
        self.confidence, self.class_share, self.schedule = confidence, class_share, schedule
        self.teacher_kind, self.decay, self.source_supervision = teacher, decay, source_supervision

    def attach(self, setting: Setting) -> None:
        """Copy the model where its moving average teaches.

        Raises:
            RecipeError: where no target slice is unlabelled.
        """
        super().attach(setting)
        pools = setting.domains[setting.target].pools
        if set(pools["any"].tolist()) <= set(pools["labelled"].tolist()):
            raise RecipeError(
                "strategy semi learns from unlabelled target slices, but all are labelled; set target.labelled_speakers "
                "to a number, a list or none, or choose joint"
            )
        if self.teacher_kind == "ema":
            self.teacher = copy.deepcopy(setting.model).requires_grad_(False)

    def begin(self, stage: str) -> None:
        """Let the moving average begin where pretraining left the model."""
        if self.teacher_kind == "ema" and stage == "transfer":
            self.teacher.load_state_dict(self.setting.model.state_dict())

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the teacher."""
        return ("teacher",) if self.teacher_kind == "ema" else ()

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass in which every step learns the task and from the unlabelled target slices."""
        s = self.setting
        corpora = self._learned()
        draws = (*(Draw(name) for name in corpora), Draw(s.target, "any"))
        weights = {name: partial(self._weight, weight) for name, weight in self.weights.items()}
        return [Phase("semi", draws, self._terms, {**weights, "kept": 0.0})]

    def _learned(self) -> tuple[str, ...]:
        """Return the corpora whose labels are learned."""
        s = self.setting
        if not s.supervised:
            return s.sources
        return (*s.sources, s.target) if self.source_supervision else (s.target,)

    def _weight(self, weight: float, progress: float) -> float:
        """Return the weight of a term at a point of training."""
        return weight * weight_factor(self.schedule, progress)

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return task, pseudo-label and entropy terms of a step."""
        terms = {
            f"task_{name}": self.task(name, batch) for name, batch in zip(self._learned(), batches[:-1], strict=True)
        }
        batch, target = batches[-1], self.setting.target
        logits: Tensor = self.setting.model(batch.features, batch.lengths, target)
        taught = self._taught(batch) if self.teacher_kind == "ema" else logits
        unlabelled = batch.labels < 0
        return terms | self._unlabelled(logits[unlabelled], taught[unlabelled])

    def _unlabelled(self, logits: Tensor, taught: Tensor) -> dict[str, Tensor]:
        """Return the terms of unlabelled slices, (N, K) logits of model and teacher."""
        nothing = logits.sum() * 0.0  # a batch may happen to be labelled throughout
        if not len(logits):
            return {"pseudo": nothing, "entropy": nothing, "kept": nothing}
        probabilities = taught.detach().float().softmax(1)
        kept = surest(probabilities, confidence=self.confidence, share=self.class_share)
        labels, share = probabilities.argmax(1), kept.float().mean()
        pseudo = cross_entropy(logits[kept], labels[kept]) * share if kept.any() else nothing
        return {"pseudo": pseudo, "entropy": entropy(logits), "kept": share}

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Tensor:
        """Move the teacher towards the model as the last step left it, and return its logits."""
        own, learned = self.teacher.state_dict(), dict(self.teacher.named_parameters())
        for name, value in self.setting.model.state_dict().items():
            if name in learned:
                own[name].lerp_(value, 1 - self.decay)
            else:  # BatchNorm statistics are averages already
                own[name].copy_(value)
        logits: Tensor = self.teacher(batch.features, batch.lengths, self.setting.target)
        return logits
