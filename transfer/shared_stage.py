"""Pretraining that several trials of a comparison have in common is done once and taken over, bit for bit.

What a stage leaves behind is kept under the hash of everything that decides it: the weights it begins with, the source
tensors, the stage's settings and code, the selection rule and the seed. Two trials share a stage only if all are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from transfer.data.cache import atomic_write
from transfer.keeper import Record
from transfer.recipe import Recipe
from transfer.strategies import Stage, Strategy

__all__ = ["shared_fit", "stage_key"]


def shared_fit(
    folder: Path | None, recipe: Recipe, stage: Stage, strategy: Strategy, train: Callable[[], Record]
) -> tuple[Record, bool]:
    """Train a stage, or take over what another trial's same stage left; say whether it was taken over.

    Args:
        folder: where stages are kept; None trains.
        recipe: the recipe.
        stage: the stage; only that before the transfer is shared, and only without augmentation, whose draws go on
            from one stage to the next.
        strategy: owner of the model.
        train: trains the stage.
    """
    if folder is None or stage.name == "transfer" or strategy.setting.augmenter is not None:
        return train(), False
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{stage.name}-{stage_key(recipe, stage, strategy)[:24]}.safetensors"
    with FileLock(f"{file}.lock"):  # a second trial waits for the first instead of doing the same
        if file.is_file():
            return _take_over(file, strategy), True
        record = train()
        weights = {name: value.detach().cpu().clone() for name, value in strategy.setting.model.state_dict().items()}
        metadata = {"record": json.dumps(asdict(record))}
        atomic_write(file, lambda temporary: save_file(weights, temporary, metadata))
    return record, False


def stage_key(recipe: Recipe, stage: Stage, strategy: Strategy) -> str:
    """Return the hash of everything that decides what a stage leaves behind."""
    s = strategy.setting
    begin = type(strategy)._pretraining_stage  # whose code trains the stage
    own_code = begin.__qualname__ != "Strategy._pretraining_stage"
    said: dict[str, Any] = {
        "code": f"{begin.__module__}.{begin.__qualname__}",
        "strategy": recipe.strategy.model_dump(mode="json") if own_code else None,
        "stage": [stage.name, stage.epochs, stage.settings.model_dump(mode="json")],
        "optimizers": {name: repr(plan) for name, plan in stage.optimizers.items()},
        "sources": list(s.sources),
        "labels": {name: list(s.domains[name].classes) for name in s.sources},
        "selection": recipe.selection.model_dump(mode="json"),
        "model": [
            recipe.extractor.model_dump(mode="json"),
            recipe.head.model_dump(mode="json"),
            recipe.batch_statistics,
        ],
        "compute": recipe.compute.model_dump(mode="json"),
        "seed": recipe.training.seed,
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    _update(digest, s.model.state_dict())
    for name in s.sources:
        domain = s.domains[name]
        tensors = {**domain.content(), "lengths": domain.lengths, "labels": domain.labels}
        _update(digest, {**tensors, **{f"pools.{k}": v for k, v in domain.pools.items()}})
    return digest.hexdigest()


def _update(digest: Any, tensors: Mapping[str, Tensor]) -> None:
    """Feed tensors to a hash, by name."""
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())


def _take_over(file: Path, strategy: Strategy) -> Record:
    """Load what a stage left into the model."""
    with safe_open(file, "pt") as opened:
        record = Record(**json.loads((opened.metadata() or {})["record"]))
        strategy.setting.model.load_state_dict({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    return record
