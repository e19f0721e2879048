"""What the members of a bundle must say before anything is built from them: a bundle may come from anybody."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from transfer.errors import BundleError

__all__ = ["check_moments", "check_record", "check_tensors", "check_voices"]


def check_record(record: Mapping[str, Any]) -> None:
    """Refuse a record that no export would write.

    Args:
        record: `recipe`, `classes`, `evaluation` and `protocol`, as they were read.

    Raises:
        BundleError: naming the member and what is wrong in it.

    Example:
        >>> record = {"recipe": {"head": {"name": "os:system"}}, "classes": {"modma": ["HC"]}}
        >>> check_record({**record, "evaluation": {}, "protocol": {}})
        Traceback (most recent call last):
        ...
        transfer.errors.BundleError: recipe.json names 'os:system', code that a bundle does not hold; expected a name of `transfer list`
    """
    for name in _names(record["recipe"]):
        if ":" in name:
            raise BundleError(
                f"recipe.json names {name!r}, code that a bundle does not hold; expected a name of `transfer list`"
            )
    classes = record["classes"]
    if not classes or not all(_is_class_list(names) for names in classes.values()):
        raise BundleError("labels.json: expected the class names of each corpus, a list of different texts")
    temperature, rule = record["evaluation"].get("temperature"), record["evaluation"].get("rule", "mean")
    if temperature is not None and not (_is_number(temperature) and 0 < temperature < math.inf):
        raise BundleError(f"calibration.json: temperature is {temperature!r}; expected a number above 0, or null")
    if rule not in ("mean", "vote"):
        raise BundleError(f"calibration.json: rule is {rule!r}; expected mean or vote")
    heard = record["protocol"].get("heard", [])
    if not isinstance(heard, list) or not all(isinstance(name, str) for name in heard):
        raise BundleError("protocol.json: heard is no list of corpora")


def check_tensors(weights: Mapping[str, Tensor], normalisation: Mapping[str, Tensor]) -> None:
    """Refuse values that are not finite, and statistics that are not a mean and a deviation for each channel.

    Args:
        weights: of the model.
        normalisation: `<group>.mean` and `<group>.std`. Shape: (C,).

    Raises:
        BundleError: naming the tensor.

    Example:
        >>> check_tensors({}, {"all.mean": torch.zeros(13)})
        Traceback (most recent call last):
        ...
        transfer.errors.BundleError: normalisation.safetensors: 'all' has no std to its mean
    """
    for name, tensor in (*weights.items(), *normalisation.items()):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BundleError(f"tensor {name!r} holds values that are not finite; the model cannot be used")
    for name, tensor in normalisation.items():
        group, _, kind = name.rpartition(".")
        other = {"mean": "std", "std": "mean"}.get(kind)
        if other is None or f"{group}.{other}" not in normalisation:
            raise BundleError(f"normalisation.safetensors: {group!r} has no {other or 'mean and std'} to its {kind}")
        if tensor.ndim != 1 or tensor.shape != normalisation[f"{group}.{other}"].shape:
            raise BundleError(f"normalisation.safetensors: {name!r} has shape {tuple(tensor.shape)}; expected (C,)")


def check_moments(moments: Mapping[str, Tensor]) -> None:
    """Refuse moments that are not a mean and a covariance of one width, or not finite; there may be none.

    Args:
        moments: `mean` and `covariance`. Shape: (F,) and (F, F).

    Raises:
        BundleError: saying what they are.

    Example:
        >>> check_moments({"mean": torch.zeros(2), "covariance": torch.eye(2)})
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in moments.items()}
    width = len(moments["mean"]) if "mean" in moments and moments["mean"].ndim == 1 else 0
    if moments and shapes != {"mean": (width,), "covariance": (width, width)}:
        raise BundleError(
            f"moments.safetensors holds {shapes}; expected a mean of shape (F,) and a covariance of (F, F)"
        )
    if not all(torch.isfinite(tensor).all() for tensor in moments.values()):
        raise BundleError("moments.safetensors holds values that are not finite; the source has to be exported again")


def check_voices(voices: Mapping[str, Tensor]) -> None:
    """Refuse what is no covariance within speakers, or not finite; there may be none.

    Args:
        voices: `within`. Shape: (D, D).

    Raises:
        BundleError: saying what they are.

    Example:
        >>> check_voices({"within": torch.eye(2)})
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in voices.items()}
    width = len(voices["within"]) if "within" in voices and voices["within"].ndim == 2 else 0
    if voices and shapes != {"within": (width, width)}:
        raise BundleError(f"voices.safetensors holds {shapes}; expected a covariance `within` of shape (D, D)")
    if not all(torch.isfinite(tensor).all() for tensor in voices.values()):
        raise BundleError("voices.safetensors holds values that are not finite; the model has to be exported again")


def _names(tree: Any) -> Iterator[str]:
    """Yield every name of a component, however deep."""
    if isinstance(tree, Mapping):
        yield from (str(value) for key, value in tree.items() if key == "name" and isinstance(value, str))
        for value in tree.values():
            yield from _names(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _names(value)


def _is_class_list(names: Any) -> bool:
    """Tell whether these are the names of classes."""
    listed = isinstance(names, (list, tuple)) and len(names) > 0 and all(isinstance(name, str) for name in names)
    return listed and len(set(names)) == len(names)


def _is_number(value: Any) -> bool:
    """Tell whether this is a number; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
