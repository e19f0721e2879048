"""Weights that others trained, from a local file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

__all__ = ["load_weights", "read_weights"]


def read_weights(path: str | Path, *, fetch: str) -> dict[str, Tensor]:
    """Read a state dict; nothing is unpickled but tensors.

    Args:
        path: a .safetensors file, or what `torch.save` wrote of a state dict.
        fetch: what the file is and where it comes from, for the message where there is none.

    Returns:
        Name -> tensor, on the CPU.

    Raises:
        ValueError: where there is no such file, it cannot be read, or it is not a state dict.

    Example:
        >>> read_weights("absent.pth", fetch="vggish.pth of torchvggish")
        Traceback (most recent call last):
        ...
        ValueError: no weights at absent.pth; fetch vggish.pth of torchvggish and put it there, or set weights: random
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"no weights at {path}; fetch {fetch} and put it there, or set weights: random")
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} cannot be read as weights alone ({reason}); save the model's state_dict()") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} is not a state dict of names and tensors; save the model's state_dict()")
    return dict(state)


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], *, origin: str) -> None:
    """Load weights, every one of which must be there and fit.

    Args:
        module: takes them.
        weights: name -> tensor.
        origin: where they come from, for the message.

    Raises:
        ValueError: naming what is missing, left over or of another shape.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> load_weights(layer, {"weight": torch.full((1, 1), 2.0)}, origin="a.pth")
        >>> layer(torch.ones(1)).item()
        2.0
    """
    try:
        module.load_state_dict(dict(weights))
    except RuntimeError as error:
        faults = " ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise ValueError(f"{origin} does not fit this network: {faults[:400]}") from error


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file, or is damaged: {error}") from error
