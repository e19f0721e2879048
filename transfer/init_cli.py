"""`transfer init`: a commented recipe for a folder of somebody's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transfer.console import console, print_json
from transfer.errors import UserError

if TYPE_CHECKING:
    from transfer.situation import Labelled

__all__ = ["init", "init_command"]


def init_command(
    folder: Annotated[Path, typer.Argument(help="folder of your labelled speech, or its manifest")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="a corpus that may help: its folder, its name in $TRANSFER_CORPORA, or one bundle"),
    ] = None,
    reader: Annotated[str | None, typer.Option(help="reader of the folder; default: guessed")] = None,
    labelled: Annotated[
        str, typer.Option(help="how many of the folder's speakers have labels to learn from: none, a number, or all")
    ] = "all",
    out: Annotated[Path | None, typer.Option(help="file to write; default <folder>.yaml here")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON alone on stdout")] = False,
) -> None:
    """Write a commented recipe for a folder of speech, chosen by what is there."""
    found = init(folder, source or [], reader=reader, labelled=_number(labelled), out=out)
    if as_json:
        print_json(found)
        return
    say = console(stderr=False)
    for line in found["why"]:
        say.print(line, markup=False, highlight=False)
    say.print(f"\nwritten to {found['path']}; next:", markup=False, highlight=False)
    for line in ("check", "run", "compare"):
        say.print(f"    transfer {line} {found['path']}", markup=False, highlight=False)


def _number(labelled: str) -> Labelled:
    """Return how many speakers have labels, as it was written."""
    if labelled in ("none", "all"):
        return "none" if labelled == "none" else "all"
    if not labelled.isdecimal():
        raise UserError(f"--labelled {labelled}: expected none, all, or a number of speakers; write one of them")
    return int(labelled)


def init(
    folder: str | Path,
    sources: list[str] | None = None,
    *,
    reader: str | None = None,
    labelled: Labelled = "all",
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Write a commented recipe for a folder of speech, and say what was chosen and why.

    Args:
        folder: the target's folder or manifest.
        sources: folders of corpora, names in $TRANSFER_CORPORA, or one bundle.
        reader: of the target; default: guessed.
        labelled: how many of the target's speakers have labels to learn from: "none", a number, or "all".
        out: the file; it must not be there yet.

    Raises:
        UserError: for a folder that cannot be read, a file that is there, or nothing that could be honestly tested.

    Example:
        >>> import tempfile
        >>> from transfer.data.synthetic import synthesize
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = synthesize("emovo", folder / "emovo", speakers=2, clips=1)
        >>> init(folder / "emovo", out=folder / "mine.yaml")["recipe"]["strategy"]["name"]
        'scratch'
    """
    from transfer.choice import render
    from transfer.data.cache import atomic_write
    from transfer.loading import load_recipe
    from transfer.situation import find_situation
    from transfer.starter import choose

    situation = find_situation(Path(folder), sources or [], reader=reader, labelled=labelled)
    name = situation.target.name
    file = Path(out) if out else Path(f"{name}.yaml")
    if file.exists():
        raise UserError(f"{file} exists; a recipe is never written over: name another file (--out)")
    choices = choose(situation, name=name)
    text = render(choices, head=f"Begun by `transfer init` for {name}. Every key can be changed: docs/recipes.md.")
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, lambda path: path.write_text(text, encoding="utf-8"))
    try:
        recipe = load_recipe(file)
    except UserError:
        file.unlink()
        raise
    return {"path": str(file), "recipe": recipe.model_dump(mode="json"), "why": [choice.why for choice in choices]}
