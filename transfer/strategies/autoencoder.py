"""AE: one shared coding network as the middle domain between a fixed source extractor and the target's."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from feature_extractors import Frames
from feature_extractors.middle_domain import CodingNetwork
from losses import ReconstructionLoss
from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.strategies.base import Setting
from transfer.strategies.levels import pooled
from transfer.strategies.middle import MiddleDomain

__all__ = ["Autoencoder"]


class Autoencoder(MiddleDomain):
    """The target's extractor is drawn towards the fixed source extractor in the code of one autoencoder.

    U_S, pretrained on the source, stays fixed; U_T starts from it and learns the target. Every `every`-th epoch, for
    `steps` steps, U_S(S) and U_T(T) pass through one convolutional autoencoder (64/128/256 channels with pooling, and
    back), and U_T and the coder minimise `mmd` * MMD + `adversarial` * domain-adversarial loss between the two codes plus
    `reconstruction` * mean squared error, so that the code keeps its content.
    Where no target label may be used the task is the source's, through U_T.

    Args:
        every: epochs from one alignment phase to the next.
        steps: steps of an alignment phase.
        mmd: weight of MMD.
        adversarial: weight of the domain-adversarial loss.
        reconstruction: weight of the reconstruction.
        critic: `classifier` or `wasserstein`.
        label_smoothing: of the domain labels.
        lr: rate of the alignment phase's SGD.
        momentum: of that SGD.

    Example:
        >>> Autoencoder().every
        8
    """

    pretrains: ClassVar[bool] = True

    def __init__(
        self,
        *,
        every: int = 8,
        steps: int = 23,
        mmd: float = 0.8,
        adversarial: float = 0.2,
        reconstruction: float = 1.0,
        critic: Literal["classifier", "wasserstein"] = "classifier",
        label_smoothing: float = 0.1,
        lr: float = 0.01,
        momentum: float = 0.9,
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
        if reconstruction < 0:
            raise RecipeError(f"strategy ae: expected reconstruction >= 0, got {reconstruction}")
        self.weights["reconstruction"] = reconstruction
        self.aligned = ("extractor", "coder")

    def attach(self, setting: Setting) -> None:
        """Build the coder, the losses and the place of the fixed extractor."""
        super().attach(setting)
        self.coder = CodingNetwork(in_features=int(setting.model.extractor.dim))  # type: ignore[arg-type]
        self.coder.to(setting.domains[setting.target].device)
        self.fidelity = ReconstructionLoss()
        self.build_losses(setting, self.coder.dim)
        self.source_extractor = copy.deepcopy(setting.model.extractor).requires_grad_(False)

    def begin(self, stage: str) -> None:
        """Fix the source extractor as pretraining left it."""
        if stage == "transfer":
            self.setting.model.use_statistics(self.setting.sources[0])
            self.source_extractor.load_state_dict(self.setting.model.extractor.state_dict())

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """Return the fixed source extractor."""
        return ("source_extractor",)

    def align(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return the terms between the codes of all sources and of the target."""
        target = batches[-1]
        own = self.setting.model.universal(target.features, target.lengths, self.setting.target)
        with torch.no_grad():
            fixed: list[Frames] = [self.source_extractor(b.features, b.lengths) for b in batches[:-1]]
        sources = [self.coder(frames) for frames in fixed]
        code, back = self.coder(own)
        source_rows = torch.cat([pooled(c, "pooled", 0) for c, _ in sources])
        terms = self.distances(source_rows, pooled(code, "pooled", 0), progress)
        kept = [
            self.fidelity(r, f.features.detach(), lengths=f.lengths) for (_, r), f in zip(sources, fixed, strict=True)
        ]
        kept.append(self.fidelity(back, own.features.detach(), lengths=own.lengths))
        terms["reconstruction"] = torch.stack(kept).mean()
        return terms
