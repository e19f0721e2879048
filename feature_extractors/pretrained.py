"""Weights that others trained, from a local file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from feature_extractors.load_report import LoadReport, compare_weights

__all__ = ["load_weights", "read_weights"]

WHOLE = "."


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
    if not _is_pickled(file):
        raise ValueError(f"{path} holds no weights (a web page, or what git-lfs leaves for a file?); fetch {fetch}")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # whose text advises to trust the file
        raise ValueError(f"{path} cannot be read as weights alone; save the model's state_dict()") from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is damaged ({reason}); fetch {fetch} again") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} is not a state dict of names and tensors; save the model's state_dict()")
    return dict(state)


def load_weights(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    *,
    origin: str,
    strict: bool = True,
    modules: Mapping[str, str] | None = None,
) -> LoadReport:
    """Load weights by name, and report what matched, what did not, and why.

    Args:
        module: takes them; what it is not given stays as it is.
        weights: name -> tensor.
        origin: where they come from, for the message.
        strict: whether every weight must be there and fit, and none be left over. Otherwise what matches is taken.
        modules: submodule of `module` -> the submodule of the weights that fills it, `.` for the whole; the rest of both
            is left out of it. None loads all.

    Raises:
        ValueError: naming what is missing, left over or of another shape; where nothing at all matches; or for a module
            that one of the two does not have.

    Example:
        >>> layers = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 3))
        >>> given = {"encoder.weight": torch.full((1, 1), 2.0), "head.weight": torch.ones(7, 1)}
        >>> report = load_weights(layers, given, origin="a.pth", modules={"0": "encoder"})
        >>> report.line(), layers[0].weight.item()
        ('1 of 1 weights taken; 2 not asked for, as they were drawn (1)', 2.0)
    """
    own = module.state_dict()
    wanted, given = (dict(own), dict(weights)) if modules is None else _mapped(own, weights, modules, origin)
    report = compare_weights(wanted, given)
    report = replace(report, untouched=tuple(name for name in own if name not in wanted))
    if (strict and not report.fits) or not report.matched:
        wrong = f"{len(report.faults())} weights do not match" if report.matched else "nothing matches"
        raise ValueError(f"{origin} does not fit this network, {wrong}:{report.first_faults()}")
    module.load_state_dict({name: given[name] for name in report.matched}, strict=False)
    return report


def _mapped(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], modules: Mapping[str, str], origin: str
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights of the named modules: those wanted, and those given under the names wanted."""
    wanted: dict[str, Tensor] = {}
    given: dict[str, Tensor] = {}
    for here, there in modules.items():
        ours, theirs = _below(own, here, "the network"), _below(weights, there, origin)
        prefix = "" if here == WHOLE else f"{here}."
        wanted |= {prefix + name: tensor for name, tensor in ours.items()}
        given |= {prefix + name: tensor for name, tensor in theirs.items()}
    return wanted, given


def _below(weights: Mapping[str, Tensor], module: str, place: str) -> dict[str, Tensor]:
    """Return the weights of a submodule by their names in it, refused where there are none."""
    if module == WHOLE:
        return dict(weights)
    found = {name.removeprefix(f"{module}."): t for name, t in weights.items() if name.startswith(f"{module}.")}
    if not found:
        known = ", ".join(dict.fromkeys(name.partition(".")[0] for name in weights))
        raise ValueError(f"no module {module!r} in {place}; it has {known or 'no weights'}")
    return found


def _is_pickled(file: Path) -> bool:
    """Say whether a file begins as one of `torch.save` does: as a zip archive or, from old versions, as a pickle."""
    with file.open("rb") as opened:
        return opened.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file, or is damaged: {error}") from error
