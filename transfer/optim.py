"""Optimizers with a learning rate for each module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import nn

from transfer.errors import RecipeError, did_you_mean
from transfer.recipe import Optimizer, Schedule

__all__ = ["OptimizerPlan", "build_optimizer", "matches", "parameter_groups"]


@dataclass(frozen=True)
class OptimizerPlan:
    """What an optimizer drives: which modules, at which rates, along which schedule.

    Args:
        settings: algorithm and base rate.
        modules: names or globs of the modules it drives.
        rates: name or glob -> rate ("0.0005") or factor ("x0.1"); later entries win.
        schedule: factor on all its rates.
    """

    settings: Optimizer
    modules: tuple[str, ...] = ("*",)
    rates: Mapping[str, str] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)


def matches(pattern: str, name: str) -> bool:
    """Tell whether a module pattern covers a parameter: its module, any module above it, or a glob of those.

    Example:
        >>> matches("extractor", "extractor.prepare.0.weight"), matches("heads.*", "extractor.norm.weight")
        (True, False)
    """
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def parameter_groups(parameters: Mapping[str, nn.Parameter], plan: OptimizerPlan) -> list[dict[str, object]]:
    """Return the parameter groups of a plan, one for each rate.

    Args:
        parameters: dotted name -> parameter, of everything in the run.
        plan: which of them, and at which rates.

    Raises:
        RecipeError: for a name that matches nothing; it lists the modules there are.

    Example:
        >>> names = dict(nn.ModuleDict({"extractor": nn.Linear(1, 1), "head": nn.Linear(1, 1)}).named_parameters())
        >>> plan = OptimizerPlan(Optimizer(lr=0.01), rates={"extractor": "x0.1"})
        >>> [(group["lr"], len(group["params"])) for group in parameter_groups(names, plan)]
        [(0.001, 2), (0.01, 2)]
    """
    for pattern in (*plan.modules, *plan.rates):
        if not any(matches(pattern, name) for name in parameters):
            known = {prefix for name in parameters for prefix in _prefixes(name)}
            raise RecipeError(f"training.rates: no module is named {pattern!r}; {did_you_mean(pattern, known)}")
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        if any(matches(pattern, name) for pattern in plan.modules):
            groups.setdefault(_rate(name, plan), []).append(parameter)
    return [{"params": group, "lr": rate, "base_lr": rate} for rate, group in groups.items()]


def build_optimizer(parameters: Mapping[str, nn.Parameter], plan: OptimizerPlan) -> torch.optim.Optimizer:
    """Return the torch optimizer of a plan."""
    groups, s = parameter_groups(parameters, plan), plan.settings
    if s.name == "sgd":
        return torch.optim.SGD(groups, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay)
    cls = torch.optim.AdamW if s.name == "adamw" else torch.optim.Adam
    return cls(groups, lr=s.lr, betas=s.betas, weight_decay=s.weight_decay)


def _rate(name: str, plan: OptimizerPlan) -> float:
    """Return the rate of a parameter."""
    rate = plan.settings.lr
    for pattern, text in plan.rates.items():
        if matches(pattern, name):
            rate = plan.settings.lr * float(text[1:]) if text.startswith("x") else float(text)
    return rate


def _prefixes(name: str) -> Iterable[str]:
    """Yield the modules above a parameter, three levels at most: a list of all would not be read."""
    parts = name.split(".")[:-1]
    return (".".join(parts[: i + 1]) for i in range(min(len(parts), 3)))
