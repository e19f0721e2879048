"""`transfer sweep`: search a space of settings by validation scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer.compare_cli import Address, Cpus, EngineName, Gpus, Json, engine_of
from transfer.console import console, print_json

__all__ = ["sweep_command"]


def sweep_command(
    recipe: Annotated[str, typer.Argument(help="YAML file, or the name of a recipe that ships with the toolkit")],
    space: Annotated[Path, typer.Argument(help="YAML file: dotted.key: {low: 0.001, high: 0.1, log: true}, or a list")],
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value for all trials")] = None,
    trials: Annotated[int, typer.Option(min=1, help="how many in all")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="trials at the same time")] = 1,
    seed: Annotated[int, typer.Option(help="of the draws")] = 0,
    storage: Annotated[str | None, typer.Option(help="database of the study; default: study.db in the folder")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="use synthetic stand-ins of the corpora")] = False,
    out: Annotated[Path | None, typer.Option(help="folder to write; default below runs/")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the sweep in --out")] = False,
    engine: EngineName = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    as_json: Json = False,
) -> None:
    """Search settings of a recipe by validation scores: TPE, pruning, a study in a database."""
    from transfer.progress import Reporter
    from transfer.sweeping import sweep

    found = sweep(
        recipe,
        space,
        overrides or (),
        trials=trials,
        jobs=jobs,
        engine=engine_of(engine, address, cpus, gpus),
        storage=storage,
        seed=seed,
        synthetic=synthetic,
        out=out,
        resume=resume,
        reporter=Reporter(console()),
    )
    if as_json:
        print_json(found)
        return
    states = [row["state"] for row in found["trials"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    typer.echo(f"scored by {found['scored_by']}: {counts}")
    scored = sorted((row for row in found["trials"] if row["score"] is not None), key=lambda row: row["score"])
    for row in (scored if found["metric"] == "loss" else scored[::-1])[:5]:
        settings = ", ".join(f"{key}={value}" for key, value in row["settings"].items())
        typer.echo(f"  {found['metric']} {row['score']:.3f}  trial {row['trial']}: {settings}")
    typer.echo(
        f"best setting: {found['folder']}/best.yaml; the best of many validation scores flatters, so test it anew"
    )
