"""`transfer predict`: what a trained model says of files, of a folder that is watched, or of the microphone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from transfer.console import NOTICE, console, echo
from transfer.errors import UserError
from transfer.trust import Trust

if TYPE_CHECKING:
    from transfer.predicting import Predicted, Predictor

__all__ = ["predict_command"]

WINDOW = 4.0  # s of the microphone, where the model hears whole clips


class PredictionLevel(str, Enum):
    """What a row of predictions is about."""

    slice = "slice"
    recording = "recording"
    subject = "subject"


class PredictionFormat(str, Enum):
    """How predictions are written."""

    csv = "csv"
    json = "json"
    parquet = "parquet"


def predict_command(
    checkpoint: Annotated[Path, typer.Argument(help="folder of a run, its model file, or a bundle")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="audio files, folders, patterns, a CSV table; - reads paths from stdin")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="file to write; default: print")] = None,
    form: Annotated[
        PredictionFormat | None, typer.Option("--format", help="default: by the file's name, else csv")
    ] = None,
    level: Annotated[PredictionLevel, typer.Option(help="a row for each")] = PredictionLevel.recording,
    refuse: Annotated[bool, typer.Option("--refuse/--skip", help="of files that cannot be read")] = False,
    watch: Annotated[Path | None, typer.Option(help="judge files as they appear in this folder, until Ctrl-C")] = None,
    microphone: Annotated[bool, typer.Option("--microphone", help="judge what is heard, until Ctrl-C")] = False,
    window: Annotated[
        float | None, typer.Option(min=0.1, help="s of the microphone judged at a time; default: a slice")
    ] = None,
    trust: Trust = False,
) -> None:
    """Tell what a trained model says of other audio."""
    if bool(paths) + (watch is not None) + microphone != 1:
        raise UserError("expected audio to judge: paths, or --watch FOLDER, or --microphone, and one of them")
    if paths:
        _judge_files(checkpoint, paths, out, form, level, refuse)
        return
    if out is not None or form == PredictionFormat.parquet or level == PredictionLevel.subject or refuse:
        raise UserError(
            "what is judged as it comes is printed, as CSV or JSON lines, by slice or recording: leave --out, --refuse, "
            "--format parquet and --level subject out"
        )
    from transfer.checkpoint import read_checkpoint
    from transfer.predicting import Predictor

    predictor = Predictor(read_checkpoint(checkpoint))
    predictor.refuse_single_clips()
    console().print(NOTICE)
    try:
        came = _watched(predictor, watch, level) if watch else _heard(predictor, window, level)
        for i, found in enumerate(came):
            _print_lines(found, form, header=i == 0)
    except KeyboardInterrupt:
        console().print("stopped")


def _judge_files(
    checkpoint: Path,
    paths: list[str],
    out: Path | None,
    form: PredictionFormat | None,
    level: PredictionLevel,
    refuse: bool,
) -> None:
    """Judge files, and print or write what was found."""
    from transfer.predicting import predict
    from transfer.predictions_file import check_answer, write_answer
    from transfer.progress import Reporter

    check_answer(out, form.value if form else None)
    err = console()
    names = [line for path in paths for line in (sys.stdin.read().splitlines() if path == "-" else [path]) if line]
    with Reporter(err).bar("features") as tick:
        found = predict(checkpoint, names, level=level.value, unreadable="refuse" if refuse else "skip", progress=tick)
    _tell(found)
    text = write_answer(found.table, out, form.value if form else None)
    echo(text if text is not None else f"written to {out}: {len(found.table)} rows")
    err.print(NOTICE)


def _watched(predictor: Predictor, folder: Path, level: PredictionLevel) -> Iterator[Predicted]:
    """Yield what the model says of each file that appears in a folder."""
    from transfer.live import new_audio

    for path in new_audio(folder, ready=lambda: console().print(f"watching {folder} (Ctrl-C ends it)")):
        yield from _unless_unusable(partial(_judge_file, predictor, path, level))


def _judge_file(predictor: Predictor, path: Path, level: PredictionLevel) -> Predicted:
    """Return what the model says of one file."""
    from transfer.clips import find_clips

    return predictor(find_clips([path]), level=level.value)


def _heard(predictor: Predictor, window: float | None, level: PredictionLevel) -> Iterator[Predicted]:
    """Yield what the model says of each window of the microphone."""
    from transfer.live import hear

    rule = predictor.recipe.target.slices
    rows: Literal["slice", "recording"] = "slice" if level == PredictionLevel.slice else "recording"
    seconds = window or (WINDOW if rule.version == "whole" else rule.seconds)
    console().print(f"listening, {seconds:g} s at a time (Ctrl-C ends it)")
    for sound in hear(predictor.front_end.sample_rate, seconds):
        yield from _unless_unusable(partial(predictor.listen, sound, level=rows))


def _unless_unusable(judge: Callable[[], Predicted]) -> Iterator[Predicted]:
    """Yield a judgement, or tell why there is none and go on."""
    try:
        yield judge()
    except UserError as error:
        console().print(f"skipped: {error}")


def _tell(found: Predicted) -> None:
    """Tell notes, and files that were left out."""
    for note in found.notes:
        console().print(f"note: {note}")
    for path, why in found.problems.items():
        console().print(f"skipped: {path}: {why}")


def _print_lines(found: Predicted, form: PredictionFormat | None, *, header: bool) -> None:
    """Print rows with the time that it is: JSON lines, or CSV below one header."""
    from transfer.predictions_file import safe_cells

    table = found.table.assign(time=datetime.now().astimezone().isoformat(timespec="seconds"))
    if form == PredictionFormat.json:
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in table.to_dict("records"))
    else:
        text = safe_cells(table).to_csv(index=False, header=header, lineterminator="\n").rstrip("\n")
    echo(text)
    sys.stdout.flush()
