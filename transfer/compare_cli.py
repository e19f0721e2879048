"""`transfer compare` and `transfer curve`: many recipes on the same seeds and folds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from transfer.console import console, echo, print_json
from transfer.trust import Trust

__all__ = ["compare_command", "curve_command", "engine_of"]

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
EngineName = Annotated[str | None, typer.Option("--engine", help="what runs the trials: local, or ray")]
Address = Annotated[str | None, typer.Option(help="of a Ray cluster, or auto; default: one of this machine alone")]
Cpus = Annotated[float | None, typer.Option(help="cores that a trial asks Ray for")]
Gpus = Annotated[float | None, typer.Option(help="GPUs, or the share of one, that a trial asks Ray for")]
Part = Annotated[str | None, typer.Option(help="run the k-th of n parts (k/n) of the trials, and compare nothing")]
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
    engine: EngineName = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    part: Part = None,
    form: Form = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Compare recipes on the same seeds and folds, with controls, intervals over subjects, paired tests and a page."""
    from transfer.comparing import compare_suite, run_part
    from transfer.evaluation.comparison_table import print_comparison
    from transfer.progress import Reporter
    from transfer.suite import load_suite

    reporter = Reporter(console())
    suite = load_suite(
        recipes,
        controls=None if add_controls else [],
        synthetic=synthetic,
        seeds=seeds,
        folds=folds,
        jobs=jobs,
        engine=engine_of(engine, address, cpus, gpus),
        budget=budget,
        metric=metric,
        level=level,
    )
    if part:
        done = run_part(suite, _part(part, out), out=str(out), reporter=reporter)
        print_json(done) if as_json else typer.echo(
            f"{done['finished']} of {done['planned']} trials are finished in {done['folder']}; when all are, --resume compares them"
        )
        sys.exit(1 if done["failures"] else 0)
    found = compare_suite(suite, out=out, resume=resume, reporter=reporter, command=_command())
    if as_json:
        print_json(found)
    elif form:
        from transfer.evaluation.report import render

        echo(render(Path(found["folder"]), form))
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
    engine: EngineName = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
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
        engine=engine_of(engine, address, cpus, gpus),
        level=level,
    )
    if as_json:
        print_json(found)
        return
    echo(rows(found).to_string(index=False, na_rep="", float_format="%.3f"))
    for sentence in found["sentences"]:
        echo(sentence)
    typer.echo(f"written to {found['folder']}: curve.json, curve.csv, curve.png, and a page for each point")


def engine_of(
    name: str | None, address: str | None, cpus: float | None, gpus: float | None
) -> dict[str, object] | None:
    """Return the engine that a command line asks for; None where it says nothing of it.

    Example:
        >>> engine_of("ray", None, None, 0.25)
        {'name': 'ray', 'gpus': 0.25}
    """
    given = {"name": name, "address": address, "cpus": cpus, "gpus": gpus}
    return {key: value for key, value in given.items() if value is not None} or None


def _part(text: str, out: Path | None) -> tuple[int, int]:
    """Read `k/n`."""
    from transfer.errors import UserError

    k, _, n = text.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise UserError(f"--part {text}: expected such as 1/4, the first of four parts")
    if out is None:
        raise UserError("--part needs the folder that all parts share; name it with --out")
    return int(k), int(n)


def _command() -> str:
    """Return the command as it was typed, but for what names folders and speakers."""
    from transfer.redaction import public_command

    return public_command(["transfer", *sys.argv[1:]])
