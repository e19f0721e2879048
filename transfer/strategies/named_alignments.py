"""Published alignments as strategies of their own name: each is `alignment` with one loss, at its usual place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from transfer.recipe import Component
from transfer.strategies.alignment import AlignmentStrategy
from transfer.strategies.alignment_loss import AlignmentLoss
from transfer.strategies.levels import Level, Pooling
from transfer.strategies.weight_schedules import WeightSchedule

__all__ = ["NAMED_ALIGNMENTS"]


class OneLoss(AlignmentStrategy):
    """An alignment by one loss; what is not given is the algorithm's own default.

    Args:
        weight: lambda.
        level: where it acts.
        levels: several levels, for a loss that compares layers together (`jmmd`).
        pooling: `pooled` or `flattened`.
        schedule: of the weight, or of the reversal strength.
        confidence: of a prediction that stands in for a target label.
        options: of the loss class.
        source_supervision: learn the source's labels too where the target has some.
    """

    default: ClassVar[AlignmentLoss]

    def __init__(
        self,
        *,
        weight: float | None = None,
        level: Level | None = None,
        levels: list[Level] | None = None,
        pooling: Pooling | None = None,
        schedule: WeightSchedule | None = None,
        confidence: float | None = None,
        options: dict[str, Any] | None = None,
        source_supervision: bool = True,
    ) -> None:
        given = {
            "weight": weight,
            "level": level,
            "levels": levels,
            "pooling": pooling,
            "schedule": schedule,
            "confidence": confidence,
        }
        given = {key: value for key, value in given.items() if value is not None}
        kept = self.default.model_dump(exclude_unset=True)
        if given.keys() & {"level", "levels"}:
            kept = {key: value for key, value in kept.items() if key not in ("level", "levels")}
        super().__init__(
            losses=[AlignmentLoss(**kept | given | (options or {}))], source_supervision=source_supervision
        )

    @classmethod
    def losses_named(cls, options: Mapping[str, Any]) -> dict[str, Component]:
        """Return the one loss."""
        given = {key: value for key, value in (options.get("options") or {}).items() if key != "name"}
        return {"options": Component(name=cls.default.name, **given)}


def _one(about: str, loss: str, **spec: Any) -> type[OneLoss]:
    """Return the strategy of one loss."""
    doc = f"Joint or source-only training plus {about}."
    return type(loss, (OneLoss,), {"__doc__": doc, "default": AlignmentLoss(name=loss, **spec)})


NAMED_ALIGNMENTS: dict[str, type[OneLoss]] = {
    "mmd": _one("maximum mean discrepancy (Gretton et al., JMLR 2012; in networks Long et al., ICML 2015)", "mmd"),
    "jmmd": _one(
        "joint MMD of features and predictions (Long et al., ICML 2017)", "jmmd", levels=["specific", "probabilities"]
    ),
    "lmmd": _one("class-wise MMD (Zhu et al., IEEE TNNLS 2021)", "lmmd", level="specific"),
    "coral": _one("correlation alignment (Sun & Saenko, ECCV-W 2016)", "coral"),
    "cmd": _one("central moment discrepancy (Zellinger et al., ICLR 2017)", "cmd"),
    "energy": _one("the energy distance (Székely & Rizzo, 2013)", "energy"),
    "sinkhorn": _one("the Sinkhorn divergence (Feydy et al., AISTATS 2019)", "sinkhorn"),
    "sliced_wasserstein": _one("the sliced Wasserstein distance (Lee et al., CVPR 2019)", "sliced_wasserstein"),
    "dann": _one("a domain discriminator behind gradient reversal (Ganin et al., JMLR 2016)", "dann"),
    "cdan": _one("a discriminator of features x predictions (Long et al., NeurIPS 2018)", "cdan", level="specific"),
    "wasserstein_critic": _one(
        "a Wasserstein critic with gradient penalty (Shen et al., AAAI 2018)", "wasserstein_critic"
    ),
    "mdd": _one("a second classifier that seeks disagreement (Zhang et al., ICML 2019)", "mdd", level="specific"),
    "mcc": _one("minimum class confusion (Jin et al., ECCV 2020)", "mcc", schedule="constant"),
    "bnm": _one("batch nuclear-norm maximisation (Cui et al., CVPR 2020)", "bnm", schedule="constant"),
    "afn": _one(
        "adaptive feature norms (Xu et al., ICCV 2019)", "afn", level="specific", schedule="constant", weight=0.05
    ),
    "contrastive": _one(
        "supervised contrast across domains (Wang et al., IEEE TMM 2023)", "contrastive", level="specific"
    ),
}
