"""Transfer strategies by name: one file a family, one line here for each."""

from __future__ import annotations

from transfer.strategies.alignment import AlignmentStrategy
from transfer.strategies.autoencoder import Autoencoder
from transfer.strategies.base import Draw, Phase, Setting, Stage, Strategy
from transfer.strategies.controls import Scratch, SourceOnly
from transfer.strategies.ddg import DDG
from transfer.strategies.finetune import Finetune, Freeze
from transfer.strategies.joint import Joint
from transfer.strategies.meta import Meta
from transfer.strategies.moment_matching import MomentMatching
from transfer.strategies.named_alignments import NAMED_ALIGNMENTS
from transfer.strategies.pytorch_adapt import PytorchAdapt
from transfer.strategies.self_training import SelfTraining
from transfer.strategies.semi import SemiSupervised

__all__ = ["STRATEGIES", "Draw", "Phase", "Setting", "Stage", "Strategy"]

STRATEGIES: dict[str, type[Strategy]] = {
    "scratch": Scratch,
    "source_only": SourceOnly,
    "freeze": Freeze,
    "finetune": Finetune,
    "moment_matching": MomentMatching,
    "joint": Joint,
    "alignment": AlignmentStrategy,
    **NAMED_ALIGNMENTS,
    "ae": Autoencoder,
    "ddg": DDG,
    "pytorch_adapt": PytorchAdapt,
    "semi": SemiSupervised,
    "self_training": SelfTraining,
    "meta": Meta,
}
