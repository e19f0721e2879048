"""Losses for domain adaptation and transfer: torch alone, each a pure function and a thin module.

The modules are here, and in ``LOSSES`` by the names that recipes use; the pure functions are in their files, such as
``losses.mmd.mmd``.
"""

from __future__ import annotations

from torch import nn

from losses.adversarial import DANN, DomainDiscriminator
from losses.classification import CrossEntropy, Focal
from losses.coral import CORAL
from losses.energy import Energy
from losses.entropy import Diversity, Entropy, InformationMaximisation
from losses.mmd import MMD
from losses.optimal_transport import Sinkhorn
from losses.reconstruction import ReconstructionLoss
from losses.reversal import GradientReversal, reversal_strength, reverse_gradient
from losses.wasserstein_critic import WassersteinCritic

LOSSES: dict[str, type[nn.Module]] = {
    "coral": CORAL,
    "cross_entropy": CrossEntropy,
    "dann": DANN,
    "diversity": Diversity,
    "energy": Energy,
    "entropy": Entropy,
    "focal": Focal,
    "information_maximisation": InformationMaximisation,
    "mmd": MMD,
    "reconstruction": ReconstructionLoss,
    "sinkhorn": Sinkhorn,
    "wasserstein_critic": WassersteinCritic,
}

__all__ = [
    "CORAL",
    "DANN",
    "LOSSES",
    "MMD",
    "CrossEntropy",
    "Diversity",
    "DomainDiscriminator",
    "Energy",
    "Entropy",
    "Focal",
    "GradientReversal",
    "InformationMaximisation",
    "ReconstructionLoss",
    "Sinkhorn",
    "WassersteinCritic",
    "reversal_strength",
    "reverse_gradient",
]
