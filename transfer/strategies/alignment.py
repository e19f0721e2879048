"""Alignment of source and target distributions beside the task, by any list of losses.

L = task + sum_i weight_i * schedule_i(p) * loss_i(level_i(S), level_i(T)): with target labels the task is joint training,
without them it is the source's alone, and the loss sees unlabelled target slices either way.
References: Long et al., ICML 2015 (MMD); Sun & Saenko, ECCV-W 2016 (CORAL); Ganin et al., JMLR 2016 (DANN).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from transfer.data.domain import Batch
from transfer.recipe import Component
from transfer.strategies.alignment_loss import AlignmentLoss, AlignmentTerm, Seen
from transfer.strategies.base import Draw, Phase, Setting, Strategy
from transfer.strategies.levels import Levels

__all__ = ["AlignmentStrategy"]


class AlignmentStrategy(Strategy):
    """Joint or source-only training plus any list of alignment losses.

    Args:
        losses: each with weight, schedule, level, pooling and options.
        source_supervision: learn the source's labels too where the target has some; without target labels it always is.

    Example:
        >>> AlignmentStrategy(losses=[AlignmentLoss(name="mmd"), AlignmentLoss(name="dann", weight=0.2)]).names
        ['mmd', 'dann']
    """

    mixes: ClassVar[bool] = False

    def __init__(self, *, losses: list[AlignmentLoss], source_supervision: bool = True) -> None:
        super().__init__()
        if not losses:
            raise ValueError("losses is empty; name at least one loss, or choose the strategy joint or source_only")
        self.specs = [AlignmentLoss.model_validate(spec) for spec in losses]
        short = [spec.name.rpartition(":")[2] for spec in self.specs]  # of a user's own `module:Name`
        self.names = [name if short.count(name) == 1 else f"{name}_{i}" for i, name in enumerate(short)]
        self.source_supervision = source_supervision

    @classmethod
    def losses_named(cls, options: Mapping[str, Any]) -> dict[str, Component]:
        """Return the losses of the list."""
        specs = [AlignmentLoss.model_validate(spec) for spec in options["losses"]]
        return {f"losses.{i}": Component(name=spec.name, **spec.options) for i, spec in enumerate(specs)}

    def attach(self, setting: Setting) -> None:
        """Build the losses, each for the width of its level."""
        super().attach(setting)
        terms = {name: AlignmentTerm(spec, setting) for name, spec in zip(self.names, self.specs, strict=True)}
        self.align = nn.ModuleDict(terms)

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass in which every step learns the task and aligns."""
        s = self.setting
        pools = s.domains[s.target].pools
        draws = [*self.source_draws()]
        if s.supervised:
            draws.append(Draw(s.target))
        if not (s.supervised and set(pools["any"].tolist()) <= set(pools["labelled"].tolist())):
            draws.append(Draw(s.target, "any"))
        weights = {name: term.weight for name, term in self.align.items()}
        return [Phase("adapt", tuple(draws), self._terms, weights)]  # type: ignore[arg-type]

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return task terms and alignment terms of a step."""
        s, n = self.setting, len(self.setting.sources)
        corpora = [*s.sources, *[s.target] * (len(batches) - n)]
        seen = [self._forward(corpus, batch) for corpus, batch in zip(corpora, batches, strict=True)]
        learned = range(0 if self.source_supervision or not s.supervised else n, n + s.supervised)
        terms = {f"task_{corpora[i]}": self.classify(corpora[i], seen[i].levels.logits, batches[i]) for i in learned}
        return terms | {name: align(seen[:n], seen[-1], progress) for name, align in self.align.items()}

    def _forward(self, corpus: str, batch: Batch) -> Seen:
        """Return what a batch is at every level, and its labels."""
        return Seen(Levels(*self.setting.model.levels(batch.features, batch.lengths, corpus)), batch.labels)
