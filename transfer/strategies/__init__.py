"""Transfer strategies by name: one file a family, one line here for each."""

from __future__ import annotations

from transfer.strategies.alignment import DANN, MMD, AlignmentStrategy, Coral, Energy, Sinkhorn
from transfer.strategies.autoencoder import Autoencoder
from transfer.strategies.base import Draw, Phase, Setting, Stage, Strategy
from transfer.strategies.controls import Scratch, SourceOnly
from transfer.strategies.ddg import DDG
from transfer.strategies.finetune import Finetune, Freeze
from transfer.strategies.joint import Joint

__all__ = ["STRATEGIES", "Draw", "Phase", "Setting", "Stage", "Strategy"]

STRATEGIES: dict[str, type[Strategy]] = {
    "scratch": Scratch,
    "source_only": SourceOnly,
    "freeze": Freeze,
    "finetune": Finetune,
    "joint": Joint,
    "alignment": AlignmentStrategy,
    "mmd": MMD,
    "coral": Coral,
    "sinkhorn": Sinkhorn,
    "energy": Energy,
    "dann": DANN,
    "ae": Autoencoder,
    "ddg": DDG,
}
