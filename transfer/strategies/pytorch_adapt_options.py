"""Options of pytorch-adapt's hooks: checked against the table without the library, and turned into its objects with it."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from transfer.errors import RecipeError, did_you_mean
from transfer.strategies.pytorch_adapt_hooks import HOOKS, PARTS, runnable

__all__ = ["build_hook", "hook_faults", "library", "named_hooks", "option_faults"]


def library(module: str) -> Any:
    """Import a module of pytorch-adapt, quietly: it warns about its own imports.

    Raises:
        RecipeError: where it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"pytorch_adapt.{module}")
    except ImportError as error:
        raise RecipeError(
            f"strategy pytorch_adapt needs the library pytorch-adapt ({error}); it comes with the extra `adapt`: "
            "pip install 'transfer-speech[adapt]'"
        ) from error


def hook_faults(name: Any) -> str:
    """Say why a name is no hook to run, or ''.

    Example:
        >>> hook_faults("CDANHook"), hook_faults("ChainHook")
        ('', 'ChainHook cannot run: plumbing: it only joins, repeats or chooses other hooks')
    """
    if name in HOOKS:
        return ""
    if name in PARTS:
        return f"{name} cannot run: {PARTS[name]}"
    return f"no hook {name!r}; {did_you_mean(str(name), HOOKS)}"


def option_faults(hook: str, options: Any, path: str = "options") -> dict[str, str]:
    """Return what is wrong with the options of a hook, by where it stands.

    Example:
        >>> option_faults("MCDHook", {"repeat": 0})
        {'options.repeat': 'expected a whole number from 1, got 0'}
        >>> option_faults("BNMHook", {"weight": 1})["options.weight"]
        'BNMHook has no such option; Known: domains, loss_fn'
    """
    if not isinstance(options, Mapping):
        return {path: f"expected the options of {hook}, name: value, got {options!r}"}
    found = {}
    for name, value in options.items():
        kind = HOOKS[hook].options.get(name)
        if kind is None:
            found[f"{path}.{name}"] = f"{hook} has no such option; {did_you_mean(name, HOOKS[hook].options)}"
        elif kind == "hooks":
            found |= _list_faults(value, f"{path}.{name}")
        elif not _suits(kind, value):
            found[f"{path}.{name}"] = f"expected {EXPECTED[kind]}, got {value!r}"
    return found


EXPECTED = {
    "flag": "true or false",
    "number": "a number",
    "count": "a whole number from 1",
    "layer": "a layer of pytorch_adapt.layers, such as CORALLoss or {name: MMDLoss, mmd_type: quadratic}",
    "weighter": "a weighter, such as {name: MeanWeighter, weights: {src_c_loss: 2}}",
    "domains": "a list of src and target",
    "features | logits": "features or logits",
}


def _suits(kind: str, value: Any) -> bool:
    """Tell whether a value is of a kind."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "domains":
        return isinstance(value, list) and bool(value) and all(domain in ("src", "target") for domain in value)
    if kind in ("layer", "weighter"):
        return isinstance(value, str) or (isinstance(value, Mapping) and isinstance(value.get("name"), str))
    return {
        "flag": isinstance(value, bool),
        "number": number,
        "count": number and isinstance(value, int) and value >= 1,
        "features | logits": value in ("features", "logits"),
    }[kind]


def _list_faults(value: Any, path: str) -> dict[str, str]:
    """Return what is wrong with a list of loss hooks."""
    if not isinstance(value, list):
        return {path: f"expected a list of loss hooks, such as [BSPHook, {{name: BNMHook}}], got {value!r}"}
    found = {}
    for i, entry in enumerate(value):
        name, options = _split(entry)
        if name not in runnable(losses=True):
            known = did_you_mean(str(name), runnable(losses=True))
            found[f"{path}.{i}"] = f"{name!r} is no loss beside the task; {known}"
        else:
            found |= option_faults(name, options, f"{path}.{i}")
    return found


def _split(entry: Any) -> tuple[Any, dict[str, Any]]:
    """Return name and options of `Name` or `{name: Name, option: value}`."""
    if not isinstance(entry, Mapping):
        return entry, {}
    return entry.get("name"), {key: value for key, value in entry.items() if key != "name"}


def named_hooks(hook: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a hook and the loss hooks that its options name, each with its options.

    Example:
        >>> [name for name, _ in named_hooks("DANNHook", {"post_g": ["BSPHook", {"name": "MCCHook"}]})]
        ['DANNHook', 'BSPHook', 'MCCHook']
    """
    yield hook, options
    for name, kind in HOOKS[hook].options.items():
        if kind == "hooks":
            for entry in options.get(name, ()):
                yield _split(entry)


def build_hook(name: str, options: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
    """Return a hook of the library.

    Args:
        name: in the table.
        options: as the recipe has them.
        sizes: what ATDOC asks for: `dataset_size`, `feature_dim`, `num_classes`.

    Raises:
        RecipeError: for an option that the library refuses.
    """
    hooks, spec = library("hooks"), HOOKS[name]
    given = {key: _object(spec.options[key], value, sizes) for key, value in options.items()}
    given |= {argument: [argument] for argument in spec.steps}
    cls = getattr(hooks, name)
    given |= {key: size for key, size in sizes.items() if key in inspect.signature(cls).parameters}
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"strategy.options: {name}: {error}") from error


def _object(kind: str, value: Any, sizes: Mapping[str, int]) -> Any:
    """Return what the library takes for an option."""
    if kind == "hooks":
        return [build_hook(*_split(entry), sizes) for entry in value]
    if kind not in ("layer", "weighter"):
        return value
    name, options = _split(value)
    module = library("layers" if kind == "layer" else "weighters")
    known = {key for key, item in vars(module).items() if inspect.isclass(item)}
    if name not in known:
        raise RecipeError(f"strategy.options: no {kind} {name!r} in {module.__name__}; {did_you_mean(name, known)}")
    try:
        return getattr(module, name)(**options)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"strategy.options: {name}: {error}") from error
