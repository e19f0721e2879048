"""Adaptation to a source that stays at home: the target's features are matched to moments that a bundle brought.

L = task (where the target has labels) + weight * gap(universal features of target slices, stored mean and covariance).
Reference: Ishii & Sugiyama, Source-free domain adaptation via distributional alignment, 2021 (stored statistics in the
place of source data); Sun & Saenko, ECCV-W 2016 (covariances).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from feature_extractors.pooling import masked_mean
from losses.moment_matching import moment_gap
from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.strategies.base import Draw, Phase, Setting
from transfer.strategies.finetune import Finetune

__all__ = ["MomentMatching"]


class MomentMatching(Finetune):
    """Finetuning that keeps the target's features where the source's were, by mean and covariance alone.

    Args:
        weight: of the gap beside the task.
        factor: on the extractor's learning rate.
        layer_decay: see `Finetune`.
        unfreeze_every: see `Finetune`.

    Example:
        >>> MomentMatching(weight=0.5).weight
        0.5
    """

    needs_target_labels: ClassVar[bool] = False

    def __init__(
        self, *, weight: float = 1.0, factor: float = 0.1, layer_decay: float = 1.0, unfreeze_every: int = 0
    ) -> None:
        super().__init__(factor=factor, layer_decay=layer_decay, unfreeze_every=unfreeze_every)
        if not weight > 0:
            raise RecipeError(f"strategy moment_matching: weight is {weight}; expected a number above 0")
        self.weight = weight

    def attach(self, setting: Setting) -> None:
        """Take the setting and the moments.

        Raises:
            RecipeError: where the run does not begin with a file that holds moments.
        """
        super().attach(setting)
        if not setting.moments:
            raise RecipeError(
                "strategy moment_matching matches moments that a source left behind, and there are none; name a bundle or run "
                "folder of this version (`source: {bundle: ...}`), or, with the source's audio at hand, choose "
                "`alignment` with the loss moment_matching"
            )
        device = setting.domains[setting.target].features.device
        self.mean, self.covariance = (setting.moments[name].to(device) for name in ("mean", "covariance"))

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return one pass that learns the task, where there are labels, and matches."""
        target = self.setting.target
        draws = (Draw(target), Draw(target, "any")) if self.setting.supervised else (Draw(target, "any"),)
        return [Phase("target", draws, self._terms, {"moments": self.weight})]

    def _terms(self, batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
        """Return the task and the gap."""
        gap = {"moments": self._gap(batches[-1])}
        return {"task": self.task(self.setting.target, batches[0]), **gap} if self.setting.supervised else gap

    def _gap(self, batch: Batch) -> Tensor:
        """Return the gap of a batch; without dropout, as the stored moments were measured."""
        model = self.setting.model
        with _without_dropout(model.extractor):
            frames = model.universal(batch.features, batch.lengths, self.setting.target)
            gap: Tensor = moment_gap(masked_mean(frames.features, frames.valid()), self.mean, self.covariance)
        return gap


@contextmanager
def _without_dropout(module: nn.Module) -> Iterator[None]:
    """Let a module compute as in evaluation, but for its BatchNorm, which goes on learning the target's statistics."""
    training = [m for m in module.modules() if m.training]
    module.eval()
    for part in training:
        if isinstance(part, _BatchNorm):
            part.train()
    yield
    for part in training:
        part.training = True
