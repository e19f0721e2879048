"""DDG: domain-specific hidden networks into a middle domain, the best strategy of the lab's notes.

The literature has other methods of this name; here it is what those notes call `ddg4`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from feature_extractors.middle_domain import HiddenNetwork
from transfer.data.domain import Batch
from transfer.strategies.base import Phase, Setting
from transfer.strategies.levels import pooled
from transfer.strategies.middle import MiddleDomain

__all__ = ["DDG"]


class DDG(MiddleDomain):
    """One extractor for both corpora, trained on the target every epoch and aligned to the source every third.

    Each epoch learns the target's labels by cross-entropy. Every `every`-th epoch an alignment phase of `steps` steps with
    its own SGD follows: universal features of a source and a target batch go through two domain-specific hidden networks
    (convolutions to 128, F, 64, F, F channels; k=2, causal; BatchNorm, ReLU) into a middle domain, where
    `mmd` * MMD + `adversarial` * domain-adversarial loss is minimised over extractor, hidden networks and discriminator.
    Where no target label may be used the task is the source's.

    Args:
        every: epochs from one alignment phase to the next.
        steps: steps of an alignment phase.
        mmd: weight of MMD.
        adversarial: weight of the domain-adversarial loss.
        critic: `classifier` or `wasserstein`.
        label_smoothing: of the domain labels.
        lr: rate of the alignment phase's SGD.
        momentum: of that SGD.
        hidden: `separate` networks, one `shared` network, or `none`.
        level: align the `universal` features, or those after the `specific` stacks, which are then aligned too.
        source_supervision: learn the source's labels too, in every epoch.

    Example:
        >>> ddg = DDG()
        >>> ddg.every, ddg.steps, ddg.weights
        (3, 23, {'mmd': 0.8, 'adversarial': 0.2})
    """

    def __init__(
        self,
        *,
        every: int = 3,
        steps: int = 23,
        mmd: float = 0.8,
        adversarial: float = 0.2,
        critic: Literal["classifier", "wasserstein"] = "classifier",
        label_smoothing: float = 0.1,
        lr: float = 0.001,
        momentum: float = 0.9,
        hidden: Literal["separate", "shared", "none"] = "separate",
        level: Literal["universal", "specific"] = "universal",
        source_supervision: bool = False,
    ) -> None:
        super().__init__(
            every=every,
            steps=steps,
            mmd=mmd,
            adversarial=adversarial,
            critic=critic,
            label_smoothing=label_smoothing,
            lr=lr,
            momentum=momentum,
        )
        self.hidden_kind, self.level, self.source_supervision = hidden, level, source_supervision
        stacks = ("heads.*",) if level == "specific" else ()  # their classifiers take no gradient from a distance
        self.aligned = ("extractor", *stacks, *(() if hidden == "none" else ("hidden",)))

    def attach(self, setting: Setting) -> None:
        """Build hidden networks and losses."""
        super().attach(setting)
        dim, names = int(setting.model.extractor.dim), (*setting.sources, setting.target)  # type: ignore[arg-type]
        if self.hidden_kind != "none":
            shared = HiddenNetwork(in_features=dim)
            own = {name: shared if self.hidden_kind == "shared" else HiddenNetwork(in_features=dim) for name in names}
            self.hidden = nn.ModuleDict(own).to(setting.domains[setting.target].device)
        self.build_losses(setting, dim)

    def task_phases(self) -> list[Phase]:
        """Return the target's pass, and the source's where it is supervised."""
        phases = [self.task_phase()]
        if self.source_supervision and self.setting.supervised:
            phases.append(Phase("source", self.source_draws(), lambda batches, p: self.source_terms(batches)))
        return phases

    def align(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return MMD and adversarial loss in the middle domain, all sources against the target."""
        coded = [self._code(n, b) for n, b in zip((*self.setting.sources, self.setting.target), batches, strict=True)]
        return self.distances(torch.cat(coded[:-1]), coded[-1], progress)

    def _code(self, corpus: str, batch: Batch) -> Tensor:
        """Return the rows of a batch in the middle domain, (n, F)."""
        frames = self.setting.model.universal(batch.features, batch.lengths, corpus)
        if self.level == "specific":
            frames = self.setting.model.head(corpus).specific(frames)  # type: ignore[operator]
        if self.hidden_kind != "none":
            frames = self.hidden[corpus](frames)
        return pooled(frames, "pooled", 0)
