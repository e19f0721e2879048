"""The command line. Heavy imports stay inside the commands: `--help` has to answer at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    help="Domain adaptation and transfer learning for speech, with numbers that can be believed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # formatting the help by rich takes longer than all the rest of it
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(
    help="Corpora: what there is, and stand-ins in their layout.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(corpus_app, name="corpus")

RecipeArgument = Annotated[str, typer.Argument(help="YAML file, or the name of a recipe that ships with the toolkit")]
Overrides = Annotated[list[str] | None, typer.Argument(help="dotted.key=value, such as training.epochs=5")]
Synthetic = Annotated[bool, typer.Option("--synthetic", help="use synthetic stand-ins of the corpora")]
Json = Annotated[bool, typer.Option("--json", help="print JSON alone on stdout, everything else on stderr")]


class Kind(str, Enum):
    """What `transfer list` lists."""

    strategies = "strategies"
    extractors = "extractors"
    heads = "heads"
    losses = "losses"
    corpora = "corpora"
    frontends = "frontends"
    recipes = "recipes"


@app.command("run")
def run_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    synthetic: Synthetic = False,
    out: Annotated[Path | None, typer.Option(help="folder to write; default runs/<name>-<time>")] = None,
    as_json: Json = False,
) -> None:
    """Train, transfer, evaluate and track a recipe."""
    console = _console()
    from transfer.evaluation.table import print_summary
    from transfer.experiment import run
    from transfer.progress import Reporter

    summary = run(recipe, overrides or (), synthetic=synthetic, out=out, reporter=Reporter(console))
    if as_json:
        _print_json(summary)
    else:
        print_summary(summary, _console(stderr=False))
        typer.echo(f"written to {summary['folder']}")


@app.command("check")
def check_command(
    recipe: RecipeArgument, overrides: Overrides = None, synthetic: Synthetic = False, as_json: Json = False
) -> None:
    """Find everything that can be wrong before training, in seconds."""
    from transfer.experiment import check
    from transfer.progress import Reporter

    planned = check(recipe, overrides or (), synthetic=synthetic)
    if as_json:
        _print_json(
            {"leakage": planned.leakage, "labels": planned.coverage, "skipped": planned.skipped, "notes": planned.notes}
        )
        return
    Reporter(_console(stderr=False)).plan(planned.slices, planned.notes)
    typer.echo("nothing wrong found")


@app.command("show")
def show_command(recipe: RecipeArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Print a recipe with everything it extends and every default filled in."""
    import yaml

    from transfer.loading import load_recipe

    tree = load_recipe(recipe, overrides or ()).model_dump(mode="json")
    if as_json:
        _print_json(tree)
    else:
        typer.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())


@app.command("list")
def list_command(
    kind: Annotated[Kind | None, typer.Argument(help="one kind; default all")] = None, as_json: Json = False
) -> None:
    """List the names that recipes may use."""
    from transfer.inventory import inventory

    found = inventory([kind.value] if kind else [k.value for k in Kind])
    if as_json:
        _print_json(found)
        return
    for name, entries in found.items():
        typer.echo(f"{name}:")
        width = max(map(len, entries), default=0)
        for entry, line in entries.items():
            typer.echo(f"  {entry:<{width}}  {line}".rstrip())


@corpus_app.command("synthesize")
def synthesize_command(
    name: Annotated[str, typer.Argument(help="casia, modma, emovo or nemo")],
    out: Annotated[Path, typer.Option(help="folder to write; must not exist or be empty")],
    shift: Annotated[float, typer.Option(help="how far this corpus lies from the others, 0 to 1")] = 0.3,
    seed: Annotated[int, typer.Option(help="of everything drawn")] = 0,
    speakers: Annotated[int | None, typer.Option(help="number of speakers; default as in the corpus")] = None,
    clips: Annotated[int | None, typer.Option(help="clips a speaker and class, or recordings a subject")] = None,
) -> None:
    """Write a speech-like stand-in of a corpus in its real layout."""
    from transfer.data.synthetic import synthesize

    typer.echo(str(synthesize(name, out, seed=seed, shift=shift, speakers=speakers, clips=clips)))


def main() -> None:
    """Run the command line; a user's mistake prints its message and exits with 2."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads must not spin: many share these machines
    with _mistakes():
        app()


@contextmanager
def _mistakes() -> Iterator[None]:
    """Print the message of a user's mistake and exit with 2."""
    try:
        yield
    except ValueError as error:
        from transfer.errors import UserError

        if not isinstance(error, UserError):
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        sys.exit(130)


def _console(*, stderr: bool = True) -> Any:
    """Return a console."""
    from rich.console import Console

    return Console(stderr=stderr)


def _print_json(value: Any) -> None:
    """Print JSON on stdout."""
    from transfer.output import plain

    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))
