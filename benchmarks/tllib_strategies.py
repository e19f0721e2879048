"""tllib's own losses as a strategy of ours, for the comparison with it (`benchmarks/peers.py`).

tllib is not in a package registry: put a clone of github.com/thuml/Transfer-Learning-Library on PYTHONPATH. Its losses
are built as its examples build them: discriminators of 1024 units with batch normalisation, five Gaussian kernels,
temperature 2.5 for MCC, trade-off 1, no schedule but the one inside its gradient reversal.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from transfer.strategies.alignment import AlignmentStrategy

__all__ = ["TllibStrategy"]

HIDDEN = 1024


class TllibLoss(nn.Module):
    """One loss of tllib behind the argument names that our alignment gives.

    Args:
        algorithm: dann, cdan, mmd (DAN) or mcc.
        in_features: d, the width of the pooled universal features.
        classes: K.
    """

    def __init__(self, *, algorithm: str, in_features: int, classes: int) -> None:
        super().__init__()
        self.algorithm = algorithm
        self.loss = getattr(self, f"_{algorithm}")(in_features, classes)

    def _dann(self, in_features: int, classes: int) -> nn.Module:
        from tllib.alignment.dann import DomainAdversarialLoss
        from tllib.modules.domain_discriminator import DomainDiscriminator

        return DomainAdversarialLoss(DomainDiscriminator(in_features, HIDDEN))

    def _cdan(self, in_features: int, classes: int) -> nn.Module:
        from tllib.alignment.cdan import ConditionalDomainAdversarialLoss
        from tllib.modules.domain_discriminator import DomainDiscriminator

        return ConditionalDomainAdversarialLoss(DomainDiscriminator(in_features * classes, HIDDEN))

    def _mmd(self, in_features: int, classes: int) -> nn.Module:
        from tllib.alignment.dan import MultipleKernelMaximumMeanDiscrepancy
        from tllib.modules.kernels import GaussianKernel

        return MultipleKernelMaximumMeanDiscrepancy([GaussianKernel(alpha=2.0**k) for k in range(-3, 2)])

    def _mcc(self, in_features: int, classes: int) -> nn.Module:
        from tllib.self_training.mcc import MinimumClassConfusionLoss

        return MinimumClassConfusionLoss(temperature=2.5)

    def forward(self, source: Tensor, target: Tensor, source_logits: Tensor, target_logits: Tensor) -> Tensor:
        """Return the loss of rows (n, d) and logits (n, K) of either side."""
        if self.algorithm == "mcc":
            return self.loss(target_logits)
        if self.algorithm == "cdan":
            return self.loss(source_logits, source, target_logits, target)
        return self.loss(source, target)


class TllibStrategy(AlignmentStrategy):
    """Source training plus one loss of tllib, unweighted: `strategy: {name: "tllib_strategies:TllibStrategy", algorithm: dann}`."""

    def __init__(self, *, algorithm: str) -> None:
        spec: dict[str, Any] = {"name": "tllib_strategies:TllibLoss", "schedule": "constant", "algorithm": algorithm}
        super().__init__(losses=[spec])

    @classmethod
    def losses_named(cls, options: Any) -> dict[str, Any]:
        """Return none: the recipe names no loss of ours."""
        return {}
