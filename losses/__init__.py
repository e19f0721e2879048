"""Losses for domain adaptation and transfer: torch alone, each a pure function and a thin module.

The modules are here, and in ``LOSSES`` by the names that recipes use; the pure functions are in their files, such as
``losses.mmd.mmd``.
"""

from __future__ import annotations

from torch import nn

from losses.adversarial import DANN, DomainDiscriminator
from losses.afn import AFN
from losses.bnm import BNM
from losses.bsp import BSP
from losses.ccc import CCC
from losses.cdan import CDAN
from losses.classification import CrossEntropy, Focal
from losses.cmd import CMD
from losses.contrastive import SupervisedContrastive
from losses.coral import CORAL
from losses.energy import Energy
from losses.entropy import Diversity, Entropy, InformationMaximisation
from losses.hausdorff import Hausdorff
from losses.jmmd import JMMD
from losses.linear_mmd import LinearMMD
from losses.lmmd import LMMD
from losses.mcc import MCC
from losses.mdd import MDD
from losses.mmd import MMD
from losses.moment_matching import MomentMatching
from losses.optimal_transport import Sinkhorn
from losses.reconstruction import ReconstructionLoss
from losses.reversal import GradientReversal, reversal_strength, reverse_gradient
from losses.sliced_wasserstein import SlicedWasserstein
from losses.wasserstein_critic import WassersteinCritic

LOSSES: dict[str, type[nn.Module]] = {
    "afn": AFN,
    "bnm": BNM,
    "bsp": BSP,
    "ccc": CCC,
    "cdan": CDAN,
    "cmd": CMD,
    "contrastive": SupervisedContrastive,
    "coral": CORAL,
    "cross_entropy": CrossEntropy,
    "dann": DANN,
    "diversity": Diversity,
    "energy": Energy,
    "entropy": Entropy,
    "focal": Focal,
    "hausdorff": Hausdorff,
    "information_maximisation": InformationMaximisation,
    "jmmd": JMMD,
    "linear_mmd": LinearMMD,
    "lmmd": LMMD,
    "mcc": MCC,
    "mdd": MDD,
    "mmd": MMD,
    "moment_matching": MomentMatching,
    "reconstruction": ReconstructionLoss,
    "sinkhorn": Sinkhorn,
    "sliced_wasserstein": SlicedWasserstein,
    "wasserstein_critic": WassersteinCritic,
}

__all__ = [
    "AFN",
    "BNM",
    "BSP",
    "CCC",
    "CDAN",
    "CMD",
    "CORAL",
    "DANN",
    "JMMD",
    "LMMD",
    "LOSSES",
    "MCC",
    "MDD",
    "MMD",
    "CrossEntropy",
    "Diversity",
    "DomainDiscriminator",
    "Energy",
    "Entropy",
    "Focal",
    "GradientReversal",
    "Hausdorff",
    "InformationMaximisation",
    "LinearMMD",
    "MomentMatching",
    "ReconstructionLoss",
    "Sinkhorn",
    "SlicedWasserstein",
    "SupervisedContrastive",
    "WassersteinCritic",
    "reversal_strength",
    "reverse_gradient",
]
