"""The command line. Heavy imports stay inside the commands: `--help` has to answer at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from transfer.compare_cli import compare_command, curve_command
from transfer.console import console, echo, print_json, visible
from transfer.corpus_cli import corpus_app
from transfer.export_cli import export_command
from transfer.init_cli import init_command
from transfer.predict_cli import predict_command
from transfer.schema_cli import schema_command
from transfer.serve_cli import serve_command
from transfer.sweep_cli import sweep_command
from transfer.sync_cli import sync_command
from transfer.trust import Trust
from transfer.ui_cli import ui_command

__all__ = ["app", "main"]

app = typer.Typer(
    help="Domain adaptation and transfer learning for speech, with numbers that can be believed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # formatting the help by rich takes longer than all the rest of it
    pretty_exceptions_enable=False,
)

app.command("init")(init_command)

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
    augmentations = "augmentations"
    validators = "validators"
    recipes = "recipes"


@app.command("run")
def run_command(
    recipe: Annotated[str | None, typer.Argument(help="YAML file, or the name of a recipe; none with --resume")] = None,
    overrides: Overrides = None,
    synthetic: Synthetic = False,
    out: Annotated[Path | None, typer.Option(help="folder to write; default runs/<name>-<time>")] = None,
    resume: Annotated[Path | None, typer.Option(help="go on with the interrupted run of this folder")] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Train, transfer, evaluate and track a recipe."""
    from transfer.errors import UserError

    if (recipe is None) == (resume is None):
        raise UserError("expected a recipe to run, or --resume FOLDER to go on with an interrupted run")
    from transfer.evaluation.table import print_summary
    from transfer.experiment import resume_run, run
    from transfer.processes import is_first
    from transfer.progress import Reporter

    reporter = Reporter(console())
    if resume is not None:
        summary = resume_run(resume, reporter=reporter)
    else:
        summary = run(str(recipe), overrides or (), synthetic=synthetic, out=out, reporter=reporter)
    if not is_first():
        return
    if as_json:
        print_json(summary)
    else:
        print_summary(summary, console(stderr=False))
        typer.echo(f"written to {summary['folder']}")


@app.command("check")
def check_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    synthetic: Synthetic = False,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Find everything that can be wrong before training, in seconds."""
    from transfer.experiment import check
    from transfer.progress import Reporter

    planned = check(recipe, overrides or (), synthetic=synthetic)
    if as_json:
        print_json(
            {"leakage": planned.leakage, "labels": planned.coverage, "skipped": planned.skipped, "notes": planned.notes}
        )
        return
    Reporter(console(stderr=False)).plan(planned.slices, planned.notes)
    typer.echo("nothing wrong found")


@app.command("split")
def split_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="CSV file to write")] = Path("split.csv"),
    synthetic: Synthetic = False,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Freeze the parts of a recipe in a file, with the hash that a recipe can demand."""
    from transfer.frozen_split import freeze_split

    found = freeze_split(recipe, overrides or (), out=out, synthetic=synthetic)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"split: {{file: {found['file']}, hash: '{found['hash']}'}}")


@app.command("show")
def show_command(
    recipe: RecipeArgument, overrides: Overrides = None, as_json: Json = False, trust: Trust = False
) -> None:
    """Print a recipe with everything it extends and every default filled in."""
    import yaml

    from transfer.loading import load_recipe

    tree = load_recipe(recipe, overrides or ()).model_dump(mode="json")
    if as_json:
        print_json(tree)
    else:
        echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())


@app.command("validators")
def validators_command(
    runs: Annotated[list[Path], typer.Argument(help="folders of runs with selection.keep=every_epoch")],
    root: Annotated[list[str] | None, typer.Option(help="corpus=folder, where it is not in $TRANSFER_CORPORA")] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Judge each selection criterion by the checkpoints of finished runs: regret and rank correlation."""
    from transfer.validators_command import print_study, study_runs

    found = study_runs(runs, root or [])
    if as_json:
        print_json(found)
    else:
        print_study(found, console(stderr=False))


@app.command("describe")
def describe_command(
    extractor: Annotated[str, typer.Argument(help="name of an extractor, or module:Name")],
    options: Annotated[list[str] | None, typer.Argument(help="key=value, or frontend.key=value")] = None,
    frontend: Annotated[str | None, typer.Option(help="front end that feeds it; default: one that fits")] = None,
    frames: Annotated[int | None, typer.Option(help="length of the clip; default 10 s")] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Print parameters, multiply-adds, receptive field and layers of an extractor."""
    from transfer.description import describe_extractor, print_description

    found = describe_extractor(extractor, options or (), frontend=frontend, frames=frames)
    if as_json:
        print_json(found)
    else:
        print_description(found, console(stderr=False))


@app.command("list")
def list_command(
    kind: Annotated[Kind | None, typer.Argument(help="one kind; default all")] = None, as_json: Json = False
) -> None:
    """List the names that recipes may use."""
    from transfer.inventory import inventory

    found = inventory([kind.value] if kind else [k.value for k in Kind])
    if as_json:
        print_json(found)
        return
    for name, entries in found.items():
        typer.echo(f"{name}:")
        for folder, named in groupby(entries, key=lambda entry: entry.rpartition("/")[0]):  # of recipes
            group = list(named)
            width = max(map(len, group))
            if folder:
                typer.echo(f"\n  {folder}/ ({len(group)})")
            for entry in group:
                typer.echo(f"  {entry:<{width}}  {entries[entry]}".rstrip())


app.command("compare")(compare_command)
app.command("curve")(curve_command)
app.command("sweep")(sweep_command)
app.command("predict")(predict_command)
app.command("export")(export_command)
app.command("serve")(serve_command)
app.command("ui")(ui_command)
app.command("sync")(sync_command)
app.command("schema")(schema_command)
app.add_typer(corpus_app, name="corpus")


def main() -> None:
    """Run the command line; a user's mistake prints its message and exits with 2."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads must not spin: many share these machines
    with _mistakes():
        app()


@contextmanager
def _mistakes() -> Iterator[None]:
    """Print the message of a user's mistake and exit with 2; of several processes of a run the first one speaks."""
    speaks = os.environ.get("RANK", "0") == "0" or "TORCHELASTIC_RUN_ID" not in os.environ
    try:
        yield
    except ValueError as error:
        from transfer.errors import UserError

        if not isinstance(error, UserError):
            raise
        if speaks:
            typer.echo(f"error: {visible(str(error))}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as left:
        stop = left if isinstance(left, KeyboardInterrupt) else getattr(left.__context__, "__cause__", None)
        if not isinstance(stop, KeyboardInterrupt):
            raise
        if speaks:  # typer makes an exit of the interruption, without a word
            typer.echo(visible(f"stopped; {stop or 'nothing was written'}"), err=True)
        sys.exit(128 + getattr(stop, "number", 2))
