"""Mixed joint training of all corpora on one extractor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from torch import Tensor

from transfer.data.domain import Batch
from transfer.errors import RecipeError
from transfer.optim import OptimizerPlan
from transfer.strategies.base import Draw, Phase, Strategy

__all__ = ["Joint"]


class Joint(Strategy):
    """Source and target are learned together, each by its own head unless the recipe shares it.

    - `summed`: each step draws a batch of every corpus and sums the weighted losses.
    - `alternate`: an epoch of the target; every `every`-th epoch, then, one of the sources, with the extractor at
      x`extractor_factor` and the source heads at x`head_factor`.
    - `ratio`: each step divides one batch among the corpora in the proportions `ratio` (sources in order, target last),
      and every slice counts the same.

    Args:
        mixing: which of them.
        source_weight: of each source's loss (`summed`).
        every: epochs from one source epoch to the next (`alternate`).
        extractor_factor: on the extractor's rate in source epochs (`alternate`).
        head_factor: on the source heads' rate in source epochs (`alternate`).
        ratio: shares of a batch (`ratio`); None is one share each.

    Example:
        >>> Joint(mixing="ratio", ratio=[5, 5, 1]).ratio
        [5, 5, 1]
    """

    fits: ClassVar[bool] = True
    needs_target_labels: ClassVar[bool] = True

    def __init__(
        self,
        *,
        mixing: Literal["summed", "alternate", "ratio"] = "summed",
        source_weight: float = 1.0,
        every: int = 6,
        extractor_factor: float = 0.1,
        head_factor: float = 0.5,
        ratio: list[float] | None = None,
    ) -> None:
        super().__init__()
        if every < 1 or source_weight < 0 or extractor_factor < 0 or head_factor < 0:
            raise RecipeError("strategy joint: expected every >= 1 and weights and factors >= 0")
        if ratio is not None and (mixing != "ratio" or not ratio or not min(ratio) > 0):
            raise RecipeError(f"strategy joint: ratio {ratio} must be positive numbers and goes with `mixing: ratio`")
        self.mixing, self.source_weight, self.every, self.ratio = mixing, source_weight, every, ratio
        self.extractor_factor, self.head_factor = extractor_factor, head_factor

    def phases(self, epoch: int) -> Sequence[Phase]:
        """Return a joint pass, or a target pass with, in every k-th epoch, a source pass after it."""
        if self.mixing != "alternate":
            return [self._mixed()]
        sources = Phase(
            "source", self.source_draws(), lambda batches, p: self.source_terms(batches), optimizer="source"
        )
        return [self.task_phase(), sources] if (epoch + 1) % self.every == 0 else [self.task_phase()]

    def optimizers(self) -> dict[str, OptimizerPlan]:
        """Return the main optimizer and, for `alternate`, that of the source epochs."""
        main = super().optimizers()["main"]
        if self.mixing != "alternate":
            return {"main": main}
        model = self.setting.model
        heads = sorted({f"heads.{model.shares.get(name, name)}" for name in self.setting.sources})
        ours = {"extractor": f"x{self.extractor_factor}"} | dict.fromkeys(heads, f"x{self.head_factor}")
        rates = {name: rate for name, rate in ours.items() if name not in main.rates} | dict(main.rates)
        return {"main": main, "source": replace(main, modules=("extractor", *heads), rates=rates)}

    def _mixed(self) -> Phase:
        """Return the pass in which every step sees all corpora."""
        names = (*self.setting.sources, self.setting.target)
        if self.mixing == "summed":
            shares, weights = [1.0] * len(names), [self.source_weight] * len(self.setting.sources) + [1.0]
        else:
            ratio = self.ratio or [1.0] * len(names)
            if len(ratio) != len(names):
                raise RecipeError(
                    f"strategy joint: ratio {ratio} has {len(ratio)} numbers for the {len(names)} corpora {names}"
                )
            shares = weights = [part / sum(ratio) for part in ratio]

        def terms(batches: Sequence[Batch], progress: float) -> Mapping[str, Tensor]:
            return {f"task_{name}": self.task(name, batch) for name, batch in zip(names, batches, strict=True)}

        draws = tuple(Draw(name, share=share) for name, share in zip(names, shares, strict=True))
        return Phase("joint", draws, terms, {f"task_{n}": w for n, w in zip(names, weights, strict=True)})
