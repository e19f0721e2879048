"""A trained model as one file to ship: weights, recipe, front end, labels, statistics, calibration, and two cards.

A bundle is a zip of members that are stored, not compressed, in a fixed order and with fixed times, so that the same
model gives the same bytes. `manifest.json` holds the SHA-256 and size of every other member. It is read in memory: no
member is unpacked, nothing in it is unpickled or imported, and what is not expected is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from transfer.bundle_record import check_moments, check_record, check_tensors, check_voices
from transfer.checkpoint import Checkpoint, in_order
from transfer.data.cache import atomic_write
from transfer.errors import BundleError, did_you_mean
from transfer.model_card import CARD
from transfer.output import plain

__all__ = ["is_bundle", "read_bundle", "read_card", "write_bundle"]

MANIFEST = "manifest.json"
FORMAT = {"format": "transfer-speech bundle", "version": 2}
TENSORS = {
    "weights.safetensors": "weights",
    "normalisation.safetensors": "normalisation",
    "moments.safetensors": "moments",
    "voices.safetensors": "voices",
}
OPTIONAL = ("voices.safetensors",)  # there is none where no voices were found by ear
RECORDS = {
    "recipe.json": "recipe",
    "front_end.json": "front_end",
    "labels.json": "classes",
    "calibration.json": "evaluation",
    "protocol.json": "protocol",
}
MEMBERS = (*TENSORS, *RECORDS, CARD)
LARGEST = {name: 16 * 2**30 if name == "weights.safetensors" else 16 * 2**20 for name in (MANIFEST, *MEMBERS)}  # bytes

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".npy", ".npz")
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip, as bundles are and model files are not."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def write_bundle(path: Path, checkpoint: Checkpoint, *, protocol: Mapping[str, Any], card: str) -> str:
    """Write a model as one file, whole or not at all, and return the file's SHA-256.

    Args:
        path: the file.
        checkpoint: the model and its record.
        protocol: under which protocol it was trained and scored.
        card: the model card.

    Raises:
        BundleError: for a model that a bundle cannot hold.
    """
    record = {**checkpoint.record, "evaluation": checkpoint.record.get("evaluation") or {}}
    told = {**record, "protocol": {**protocol, "name": record.get("name"), "heard": record.get("heard", [])}}
    check_record(told)
    parts = {name: getattr(checkpoint, part) for name, part in TENSORS.items()}
    members = {name: save(_sorted(part)) for name, part in parts.items() if part or name not in OPTIONAL}
    members |= {name: _json(told[key]) for name, key in RECORDS.items()} | {CARD: card.encode()}
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in members.items()}
    members = {MANIFEST: _json({**FORMAT, "files": listed}), **members}
    atomic_write(path, lambda temporary: _write(temporary, members))
    return _digest(path)


def read_bundle(path: Path) -> Checkpoint:
    """Read the model of a bundle.

    Raises:
        BundleError: naming the member that is missing, unexpected, too large, changed, or holds what it should not.
    """
    data = _read(path)
    record = {key: _tree(path, name, data[name]) for name, key in RECORDS.items()}
    check_record(record)
    tensors = {part: _tensors(path, name, data[name]) if name in data else {} for name, part in TENSORS.items()}
    check_tensors(tensors["weights"], tensors["normalisation"])
    check_moments(tensors["moments"])
    check_voices(tensors["voices"])
    protocol = record["protocol"]
    record |= {key: protocol[key] for key in ("name", "heard", "versions") if key in protocol}
    return Checkpoint(
        tensors["weights"], tensors["normalisation"], in_order(record), tensors["moments"], tensors["voices"]
    )


def read_card(path: Path) -> str:
    """Return the model card of a bundle."""
    return _read(path)[CARD].decode("utf-8", errors="replace")


def _write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip whose bytes depend on nothing but its members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16  # the same on every system
            archive.writestr(info, data)


def _read(path: Path) -> dict[str, bytes]:
    """Return the members of a bundle, each as its manifest says."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            for info in infos:
                _check_member(path, info)
            names = [info.filename for info in infos]
            _check_names(path, names)
            data = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, struct.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} is no bundle, or is damaged: {error}") from error
    _check_hashes(path, data)
    return data


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse a member that a bundle does not have, before a byte of it is read."""
    name = info.filename
    if name not in LARGEST:
        raise BundleError(f"{path}: member {name!r} {_why(name)}; the file was not written by `transfer export`")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise BundleError(f"{path}: member {name!r} is a link or a special file; a bundle holds plain files alone")
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise BundleError(
            f"{path}: member {name!r} is compressed or encrypted; a bundle stores its members as they are"
        )
    if info.file_size > LARGEST[name] or info.file_size != info.compress_size:
        raise BundleError(f"{path}: member {name!r} claims {info.file_size} bytes; at most {LARGEST[name]} are read")


def _why(name: str) -> str:
    """Say what is wrong with a name."""
    if name.startswith(("/", "\\", "~")) or ".." in name.replace("\\", "/").split("/") or name[1:2] == ":":
        return "points outside the bundle"
    if name.lower().endswith(_PICKLES):
        return "may hold a pickle, and nothing is ever unpickled"
    return f"is unknown: {did_you_mean(name, LARGEST)}"


def _check_names(path: Path, names: list[str]) -> None:
    """Refuse a member that is there twice or not at all."""
    for name in names:
        if names.count(name) > 1:
            raise BundleError(f"{path}: member {name!r} is there twice; which one is meant cannot be told")
    if missing := [name for name in LARGEST if name not in (*names, *OPTIONAL)]:
        raise BundleError(f"{path}: no member {missing[0]!r}; the file is no bundle, or a part of it is lost")


def _check_hashes(path: Path, data: Mapping[str, bytes]) -> None:
    """Refuse members that are not those of the manifest."""
    manifest = _tree(path, MANIFEST, data[MANIFEST])
    if {key: manifest.get(key) for key in FORMAT} != FORMAT:
        found = f"{manifest.get('format')!r}, version {manifest.get('version')!r}"
        raise BundleError(f"{path}: this is {found}; expected {FORMAT['format']!r}, version {FORMAT['version']}")
    files = manifest.get("files")
    there = set(data) - {MANIFEST}
    if not isinstance(files, dict) or set(files) != there:
        odd = sorted(set(files) ^ there) if isinstance(files, dict) else ["files"]
        raise BundleError(f"{path}: the manifest does not list the members that are there: {odd[0]!r}")
    for name in sorted(there):
        if files[name] != {"sha256": hashlib.sha256(data[name]).hexdigest(), "bytes": len(data[name])}:
            raise BundleError(f"{path}: member {name!r} is not the one of the manifest: it was changed or damaged")


def _tree(path: Path, name: str, data: bytes) -> dict[str, Any]:
    """Return a member that is JSON."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: member {name!r} is not readable as JSON: {error}") from error
    if not isinstance(tree, dict):
        raise BundleError(f"{path}: member {name!r} is {type(tree).__name__}; expected names and values")
    return tree


def _tensors(path: Path, name: str, data: bytes) -> dict[str, Tensor]:
    """Return a member that is safetensors."""
    if data[8:9] != b"{" and data.startswith((b"\x80", b"PK")):  # no header of safetensors, but of pickle or torch.save
        raise BundleError(f"{path}: member {name!r} holds a pickle, and nothing is ever unpickled")
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise BundleError(f"{path}: member {name!r} is not readable as safetensors: {error}") from error


def _sorted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors in the order of their names, each in memory of its own."""
    return {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            found.update(block)
    return found.hexdigest()


def _json(tree: Mapping[str, Any]) -> bytes:
    """Return a tree as JSON, always the same bytes."""
    return (json.dumps(plain(tree), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
