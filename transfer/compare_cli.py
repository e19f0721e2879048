"""`transfer compare` and `transfer curve`: many recipes on the same seeds and folds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from transfer.console import console, print_json
from transfer.trust import Trust

__all__ = ["compare_command", "curve_command"]

Recipes = Annotated[list[str], typer.Argument(help="recipes and dotted.key=value for all of them, or one suite file")]
Seeds = Annotated[int | None, typer.Option(help="number of seeds")]
Folds = Annotated[int | None, typer.Option(help="deal the target's speakers to so many folds")]
Controls = Annotated[
    bool, typer.Option("--add-controls/--no-controls", help="scratch, source_only and the majority class beside them")
]
Jobs = Annotated[int | None, typer.Option(help="trials at the same time")]
Resume = Annotated[bool, typer.Option("--resume", help="go on with what was interrupted")]
Budget = Annotated[str | None, typer.Option(help="as_is, or equal: training effort of the first recipe")]
Metric = Annotated[str | None, typer.Option(help="uar, accuracy, macro_f1, auc")]
AtLevel = Annotated[str | None, typer.Option(help="slice, recording, subject")]
Synthetic = Annotated[bool | None, typer.Option("--synthetic", help="use synthetic stand-ins of the corpora")]
Out = Annotated[Path | None, typer.Option(help="folder to write; default below runs/")]
Form = Annotated[str | None, typer.Option("--format", help="print markdown, latex or csv")]
Json = Annotated[bool, typer.Option("--json", help="print JSON alone on stdout, everything else on stderr")]


def compare_command(
    recipes: Recipes,
    seeds: Seeds = None,
    folds: Folds = None,
    add_controls: Controls = True,
    jobs: Jobs = None,
    resume: Resume = False,
    budget: Budget = None,
    metric: Metric = None,
    level: AtLevel = None,
    synthetic: Synthetic = None,
    out: Out = None,
    form: Form = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Compare recipes on the same seeds and folds, with controls, intervals over subjects, paired tests and a page."""
    from transfer.comparing import compare
    from transfer.evaluation.comparison_table import print_comparison
    from transfer.progress import Reporter

    found = compare(
        recipes,
        out=out,
        resume=resume,
        reporter=Reporter(console()),
        command=_command(),
        controls=None if add_controls else [],
        synthetic=synthetic,
        seeds=seeds,
        folds=folds,
        jobs=jobs,
        budget=budget,
        metric=metric,
        level=level,
    )
    if as_json:
        print_json(found)
    elif form:
        from transfer.evaluation.report import render

        typer.echo(render(Path(found["folder"]), form))
    else:
        print_comparison(found, console(stderr=False))
        typer.echo(f"page: {found['folder']}/report.html")


def curve_command(
    recipes: Recipes,
    subjects: Annotated[str | None, typer.Option(help="labelled target subjects, such as 2,4,8,all")] = None,
    dial: Annotated[str | None, typer.Option(help="a dial of the target's stand-in, such as language=0,0.5,1")] = None,
    seeds: Seeds = None,
    folds: Folds = None,
    add_controls: Controls = True,
    jobs: Jobs = None,
    resume: Resume = False,
    level: AtLevel = None,
    synthetic: Synthetic = None,
    out: Out = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Compare recipes along an axis: labelled target subjects, or a dial of the synthetic benchmark."""
    from transfer.curve import curve, read_axis, rows
    from transfer.progress import Reporter

    found = curve(
        recipes,
        read_axis(subjects, dial),
        out=out,
        resume=resume,
        reporter=Reporter(console()),
        command=_command(),
        controls=None if add_controls else [],
        synthetic=synthetic,
        seeds=seeds,
        folds=folds,
        jobs=jobs,
        level=level,
    )
    if as_json:
        print_json(found)
        return
    typer.echo(rows(found).to_string(index=False, na_rep="", float_format="%.3f"))
    for sentence in found["sentences"]:
        typer.echo(sentence)
    typer.echo(f"written to {found['folder']}: curve.json, curve.csv, curve.png, and a page for each point")


def _command() -> str:
    """Return the command as it was typed."""
    return shlex.join(["transfer", *sys.argv[1:]])
