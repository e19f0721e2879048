"""A trained model as one safetensors file: weights, and all that is needed to use them. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transfer.data.cache import atomic_write
from transfer.errors import RecipeError
from transfer.model import TransferModel

__all__ = [
    "Checkpoint",
    "corpora_heard",
    "epoch_file",
    "fill_model",
    "in_order",
    "read_checkpoint",
    "write_checkpoint",
]

FILE = "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a model file holds.

    Args:
        weights: name -> tensor of the model.
        normalisation: `<group>.mean` and `<group>.std` -> (C,).
        record: recipe, front end, classes of each corpus, versions.
        moments: `mean` (F,) and `covariance` (F, F) of the pooled universal features that training heard; none in files
            of before.
        voices: `within` (D, D), how speakers vary within themselves, where the run found voices by ear.
    """

    weights: dict[str, Tensor]
    normalisation: dict[str, Tensor] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)
    voices: dict[str, Tensor] = field(default_factory=dict)


def write_checkpoint(
    path: Path,
    model: TransferModel,
    normalisation: Mapping[str, np.ndarray],
    record: Mapping[str, Any],
    moments: Mapping[str, Tensor] | None = None,
    voices: np.ndarray | None = None,
) -> None:
    """Write a model file, whole or not at all.

    Args:
        path: the file.
        model: its weights.
        normalisation: statistics of the front end.
        record: anything that JSON can hold.
        moments: see `Checkpoint`.
        voices: see `Checkpoint`.
    """
    model.use_statistics(next(iter(model.corpora)))  # what another run takes over are the first source's
    tensors = {f"model.{name}": value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    tensors |= {f"normalisation.{name}": torch.from_numpy(np.asarray(value)) for name, value in normalisation.items()}
    tensors |= {f"moments.{name}": value.contiguous().clone() for name, value in (moments or {}).items()}
    tensors |= {} if voices is None else {"voices.within": torch.from_numpy(np.ascontiguousarray(voices))}
    text = json.dumps(dict(record), sort_keys=True)
    metadata = {"record": text, "sha256": _digest(tensors, text)}
    atomic_write(path, lambda temporary: save_file(tensors, temporary, metadata))


def epoch_file(folder: Path, epoch: int) -> Path:
    """Return the model file of an epoch (from 0) in a run folder that keeps them all.

    Example:
        >>> epoch_file(Path("run"), 0).as_posix()
        'run/checkpoints/epoch_0001.safetensors'
    """
    return folder / "checkpoints" / f"epoch_{epoch + 1:04d}.safetensors"


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a model file, the one in a run folder, or a bundle.

    Raises:
        UserError: where there is none, or it is neither a model file nor a bundle of this toolkit.
    """
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise RecipeError(f"no model file at {file}; expected a run folder that holds {FILE}, or such a file")
    from transfer.bundle import is_bundle, read_bundle  # which reads into this module's Checkpoint

    if is_bundle(file):
        return read_bundle(file)
    try:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata() or {}
            record = in_order(json.loads(metadata["record"]))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, ValueError) as error:
        raise RecipeError(f"{file} is not a model file of this toolkit, or is damaged: {error}") from error
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors, metadata["record"]):  # files of before have none
        raise RecipeError(
            f"{file} is damaged: what it holds is not what was written; train again, or take another copy"
        )
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "normalisation": {}, "moments": {}, "voices": {}}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        parts.setdefault(kind, {})[rest] = tensor
    return Checkpoint(parts["model"], parts["normalisation"], record, parts["moments"], parts["voices"])


def _digest(tensors: Mapping[str, Tensor], record: str) -> str:
    """Return the SHA-256 of all that a model file holds."""
    digest = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def in_order(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose classes stand in the order of the recipe's corpora, which decides whose head is shared.

    JSON members are written in the order of the alphabet.

    Args:
        record: as it was read.

    Example:
        >>> recipe = {"source": [{"corpus": "nemo"}], "target": {"corpus": "emovo"}}
        >>> list(in_order({"recipe": recipe, "classes": {"emovo": ["x"], "nemo": ["x"]}})["classes"])
        ['nemo', 'emovo']
    """
    recipe, classes = record.get("recipe"), record.get("classes")
    if not isinstance(recipe, dict) or not isinstance(classes, dict):
        return record
    try:
        names = [section["corpus"] for section in (*recipe.get("source", ()), recipe["target"])]
    except (KeyError, TypeError):
        return record
    return {**record, "classes": {**{name: classes[name] for name in names if name in classes}, **classes}}


def fill_model(model: TransferModel, checkpoint: Checkpoint, front_end: Mapping[str, Any]) -> None:
    """Give a model its weights.

    Args:
        model: takes them.
        checkpoint: where they come from.
        front_end: exact parameters of the front end that feeds it here.

    Raises:
        RecipeError: where they do not fit the recipe, or were trained on features that this version does not compute.
    """
    theirs = checkpoint.record.get("front_end") or front_end
    if differing := [key for key in front_end if theirs.get(key) != front_end[key]]:
        key = differing[0]
        raise RecipeError(
            f"the model was trained on another front end ({key}: {theirs.get(key)!r} there, {front_end[key]!r} here); "
            "use the version of this toolkit that its record names"
        )
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise RecipeError(f"the weights are not those of the recipe: {error}") from error


def heard(checkpoint: Checkpoint) -> set[str]:
    """Return the corpora that a checkpoint's extractor may have heard, through the runs that it was taken from too.

    Example:
        >>> sorted(heard(Checkpoint({}, {}, {"classes": {"emovo": []}, "heard": ["casia", "emovo"]})))
        ['casia', 'emovo']
    """
    return {*checkpoint.record.get("classes", {}), *checkpoint.record.get("heard", ())}


def corpora_heard(own: Collection[str], file: str | None) -> list[str]:
    """Return the corpora that an extractor has heard in its own run and in those that its checkpoint came from.

    Args:
        own: corpora of the run.
        file: the checkpoint that it began with, or None.
    """
    return sorted({*own, *(heard(read_checkpoint(file)) if file else ())})
