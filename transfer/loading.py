"""YAML to a checked `Recipe`: extends, dotted overrides, environment variables, and errors that name path and line.

Loading runs no code: YAML is read by the safe loader, and the only interpolation is `${oc.env:NAME}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from transfer.errors import RecipeError
from transfer.recipe import Recipe
from transfer.recipe_check import Source, checked_recipe
from transfer.source_bundle import begin_with_bundle
from transfer.strict_yaml import LONGEST, YamlError, read_yaml

__all__ = ["Source", "checked_recipe", "find_recipe", "list_recipes", "load_recipe", "parse_file", "recipe_folder"]

MOST_FILES = 50  # that one recipe may extend, those of its bases with them
_INTERPOLATION = re.compile(r"\$\{(?!oc\.env:[A-Za-z_]\w*(,[^{}]*)?\})[^}]*\}?")


def recipe_folder() -> Path:
    """Return the folder of the recipes that ship with the toolkit (inside the wheel, or beside the packages)."""
    here = Path(__file__).resolve().parent
    return here / "recipes" if (here / "recipes").is_dir() else here.parent / "recipes"


def list_recipes(folder: Path | None = None) -> list[Path]:
    """Return every recipe below a folder, bases (`_base/`) left out."""
    folder = folder or recipe_folder()
    return sorted(
        p for p in folder.rglob("*.yaml") if not any(part.startswith("_") for part in p.relative_to(folder).parts)
    )


def find_recipe(name: str | Path) -> Path:
    """Return the file of a recipe given by path, or by its name among the recipes that ship with the toolkit.

    Raises:
        RecipeError: where neither exists; the message suggests the nearest name.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = recipe_folder()
    stem = str(name).removesuffix(".yaml").replace("\\", "/").removeprefix("recipes/")
    if (candidate := shipped / f"{stem}.yaml").is_file() and ".." not in candidate.parts:
        return candidate
    if path.is_dir():
        raise RecipeError(f"{path} is a folder, and no recipe; for a folder of audio `transfer init {path}` writes one")
    known = [p.relative_to(shipped).with_suffix("").as_posix() for p in list_recipes(shipped)]
    beside = [p.as_posix() for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    near = get_close_matches(path.as_posix(), beside, n=2, cutoff=0.6) + get_close_matches(stem, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise RecipeError(
        f"no recipe {str(name)!r}: it is neither a file nor a name that ships with the toolkit; {hint}`transfer list recipes` "
        f"names the {len(known)} that do"
    )


def load_recipe(name: str | Path, overrides: Sequence[str] = (), *, synthetic: bool = False) -> Recipe:
    """Read a recipe, apply overrides, check everything that can be checked without data.

    Args:
        name: a YAML file, or the name of a recipe that ships with the toolkit.
        overrides: `dotted.key=value`, the value read as YAML.
        synthetic: apply the recipe's `synthetic.overrides` first.

    Raises:
        RecipeError: with the dotted path and `file:line` of each mistake.

    Example:
        >>> load_recipe("casia_to_modma_ddg", ["training.epochs=3"]).training.epochs
        3
    """
    source = Source()
    tree = _read(find_recipe(name), source, seen=())
    config = _tree_of(tree, source)
    for key, value in _stand_in_overrides(tree, source) if synthetic else ():
        _set(config, key, value, source, "synthetic.overrides")
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise RecipeError(f"override {text!r} is not of the form dotted.key=value, such as training.epochs=5")
        _set(config, key, _parse(value, text), source, "command line")
    return checked_recipe(begin_with_bundle(_resolve(config, source)), source)


def _tree_of(tree: dict[str, Any], source: Source) -> Any:
    """Return a tree as OmegaConf holds it; a key or a value of a kind that no recipe has is refused by its path."""
    try:
        return OmegaConf.create(tree)
    except (OmegaConfBaseException, RecursionError) as error:
        path = str(getattr(error, "full_key", "") or "")
        raise RecipeError(f"{source.place(path)}: {path}: {_first_line(error)}; put it in quotes") from error


def _stand_in_overrides(tree: dict[str, Any], source: Source) -> list[tuple[str, Any]]:
    """Return what a recipe changes for stand-ins."""
    section = tree.get("synthetic") or {}
    changes = section.get("overrides") or {} if isinstance(section, dict) else None
    if not isinstance(changes, dict):
        raise RecipeError(f"{source.place('synthetic')}: synthetic: expected options and overrides, got {section!r}")
    return [(str(key), value) for key, value in changes.items()]


def _parse(value: str, text: str) -> Any:
    """Read the value of an override as YAML."""
    try:
        return read_yaml(value)[0]
    except YamlError as error:
        raise RecipeError(f"override {text!r}: the value is refused: {error}") from error


def _set(config: Any, key: str, value: Any, source: Source, origin: str) -> None:
    """Set a dotted key of the tree."""
    head, _, rest = key.partition(".")
    if OmegaConf.is_list(config.get(head)) and not rest[:1].isdigit():
        raise RecipeError(
            f"override {key}={value!r}: {head} is a list here; say which, such as {head}.0.{rest or 'corpus'}"
        )
    try:
        OmegaConf.update(config, key, value, merge=False, force_add=True)
    except (OmegaConfBaseException, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RecipeError(f"override {key}={value!r} does not fit the recipe: {error}") from error
    source.places[key] = f"{origin} ({key})"


def _read(path: Path, source: Source, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and, below it, what it extends."""
    if path.resolve() in seen:
        raise RecipeError(f"{path}: extends itself through {' -> '.join(p.name for p in seen)}")
    tree = parse_file(path, own := Source({"": str(path)}))
    source.files += 1
    if source.files > MOST_FILES:
        raise RecipeError(f"{path}: the recipe extends more than {MOST_FILES} files")
    bases = tree.pop("extends", [])
    merged: Any = OmegaConf.create({})
    for base in bases if isinstance(bases, list) else [bases]:
        file = _base(path, str(base), own)
        merged = OmegaConf.merge(merged, _tree_of(_read(file, source, (*seen, path.resolve())), source))
    source.places.update(own.places)
    for key in ("strategy", "extractor", "head", "frontend"):  # another name means other options: nothing is inherited
        if key in tree and key in merged and _other_name(tree[key], merged[key]):
            del merged[key]
    return dict(OmegaConf.to_container(OmegaConf.merge(merged, _tree_of(tree, source))))  # type: ignore[arg-type]


def _base(path: Path, base: str, own: Source) -> Path:
    """Return the file that a recipe extends: beside it, or one that ships with the toolkit, by its name."""
    if (file := path.parent / base).is_file():
        return file
    try:
        return find_recipe(base)
    except RecipeError as error:
        raise RecipeError(
            f"{own.place('extends')}: extends {base!r}, but there is no file {file}, and {error}"
        ) from error


def _other_name(own: Any, inherited: Any) -> bool:
    """Tell whether a component is another than the one inherited, or none at all."""
    if not (isinstance(own, dict) and OmegaConf.is_dict(inherited)):
        return own is not None
    return bool(own.get("name", inherited.get("name")) != inherited.get("name"))


def _text_of(path: Path) -> str:
    """Return what stands in a file of UTF-8."""
    try:
        if path.stat().st_size > 4 * LONGEST:  # bytes of a character, at most
            raise RecipeError(f"{path}: {path.stat().st_size} bytes; at most {LONGEST} characters are read")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        byte = error.object[error.start]
        raise RecipeError(f"{path}:{line}: byte 0x{byte:02x} is not UTF-8, as recipes are; save it as UTF-8") from error
    except OSError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_file(path: Path, source: Source) -> dict[str, Any]:
    """Parse one YAML file strictly (`transfer.strict_yaml`), noting lines."""
    try:
        tree, node = read_yaml(_text_of(path))
    except YamlError as error:
        raise RecipeError(f"{path}: {error}") from error
    if tree is None:
        raise RecipeError(f"{path}: the file is empty; expected a recipe, such as `transfer init` writes")
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values, this is {type(tree).__name__}")
    for dotted, line in _lines(node, path, ""):
        source.places[dotted] = f"{path}:{line}"
    for dotted, value in _leaves(tree, ""):
        if isinstance(value, str) and (found := _INTERPOLATION.search(value)):
            raise RecipeError(
                f"{source.place(dotted)}: {dotted}: {found[0]!r} is not allowed; only ${{oc.env:NAME}} is interpolated"
            )
    return tree


def _lines(node: Any, path: Path, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the dotted path and line of every key."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            if dotted in seen:
                raise RecipeError(f"{path}:{key.start_mark.line + 1}: key {dotted!r} is written twice")
            seen.add(dotted)
            yield dotted, key.start_mark.line + 1
            yield from _lines(value, path, f"{dotted}.")
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield f"{prefix}{i}", value.start_mark.line + 1
            yield from _lines(value, path, f"{prefix}{i}.")


def _leaves(tree: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and value of every leaf."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        yield prefix.removesuffix("."), tree
        return
    for key, value in items:
        yield from _leaves(value, f"{prefix}{key}.")


def _resolve(config: Any, source: Source) -> dict[str, Any]:
    """Fill in environment variables."""
    try:
        return dict(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))  # type: ignore[arg-type]
    except OmegaConfBaseException as error:
        path = str(getattr(error, "full_key", "") or "")
        raise RecipeError(
            f"{source.place(path)}: {path}: {_first_line(error)}; set the variable or write a value"
        ) from error


def _first_line(error: Exception) -> str:
    """Return what an error says, without what it says of classes."""
    return (str(error) or type(error).__name__).splitlines()[0]
