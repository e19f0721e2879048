"""What a state dict gave a module, name by name, and why it gave no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["LoadReport", "compare_weights"]

Shape = tuple[int, ...]
SHOWN = 6  # faults that a message lists


@dataclass(frozen=True)
class LoadReport:
    """Which weights of a module a state dict fits.

    Args:
        matched: names of the module that the file holds in the same shape.
        missing: names of the module that were asked for and that the file does not hold.
        unexpected: names that the file holds and the module does not have.
        shapes: name -> shape in the file and shape in the module, where they differ.
        untouched: names of the module that nobody asked for; they stay as they are.

    Example:
        >>> report = LoadReport(matched=("weight",), missing=("bias",))
        >>> report.fits, report.line()
        (False, '1 of 2 weights taken; 1 missing in the file (bias)')
    """

    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)
    untouched: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether all that was asked for was there, fitted, and nothing was left over."""
        return not (self.missing or self.unexpected or self.shapes)

    @property
    def drawn(self) -> tuple[str, ...]:
        """Names of the module that stay as they were drawn, whether they were asked for or not."""
        return (*self.missing, *self.shapes, *self.untouched)

    @property
    def asked(self) -> int:
        """Number of the module's weights that were asked for."""
        return len(self.matched) + len(self.missing) + len(self.shapes)

    def faults(self) -> list[str]:
        """Return a line for every weight that does not match: why, and by which shapes."""
        return [
            *(f"{name}: missing in the file" for name in self.missing),
            *(
                f"{name}: shape {theirs} in the file, {ours} in the network"
                for name, (theirs, ours) in self.shapes.items()
            ),
            *(f"{name}: in the file, not in the network" for name in self.unexpected),
        ]

    def first_faults(self) -> str:
        """Return the first faults, indented, a line each, and how many more there are."""
        faults = self.faults()
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        return "".join(f"\n  {line}" for line in (*faults[:SHOWN], *more))

    def line(self) -> str:
        """Return the report in one line."""
        parts = [f"{len(self.matched)} of {self.asked} weights taken"]
        for what, names in (
            ("missing in the file", self.missing),
            ("of another shape", tuple(self.shapes)),
            ("in the file alone", self.unexpected),
            ("not asked for, as they were drawn", self.untouched),
        ):
            if names:
                parts.append(f"{len(names)} {what} ({_modules(names)})")
        return "; ".join(parts)

    def record(self) -> dict[str, Any]:
        """Return the report fit for JSON."""
        shapes = {name: {"file": list(theirs), "network": list(ours)} for name, (theirs, ours) in self.shapes.items()}
        names = {key: list(getattr(self, key)) for key in ("matched", "missing", "unexpected", "untouched")}
        return {**names, "shapes": shapes}


def compare_weights(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> LoadReport:
    """Compare the weights that a module wants with those that a file gives.

    Args:
        wanted: the module's state dict.
        given: name -> tensor.

    Example:
        >>> import torch
        >>> compare_weights({"weight": torch.zeros(3, 2)}, {"weight": torch.zeros(3, 1)}).faults()
        ['weight: shape (3, 1) in the file, (3, 2) in the network']
    """
    both = [name for name in wanted if name in given]
    shapes = {name: (tuple(given[name].shape), tuple(wanted[name].shape)) for name in both}
    differing = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    return LoadReport(
        matched=tuple(name for name in both if name not in differing),
        missing=tuple(name for name in wanted if name not in given),
        unexpected=tuple(name for name in given if name not in wanted),
        shapes=differing,
    )


def _modules(names: tuple[str, ...]) -> str:
    """Return the first parts of names, each once, or the name itself where it is the only one."""
    if len(names) == 1:
        return names[0]
    found = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return ", ".join(found[:SHOWN]) + (" ..." if len(found) > SHOWN else "")
