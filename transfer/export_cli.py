"""`transfer export`: a trained model as one file for another machine or another program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from transfer.console import print_json
from transfer.errors import RecipeError, UserError
from transfer.trust import Trust

__all__ = ["export", "export_command"]

PROTOCOL = (
    *("source", "target", "strategy", "seed", "target_labels", "labels_seen", "fingerprints", "selection", "split"),
    *("leakage", "labels", "chance", "selected_by", "metrics", "warnings", "synthetic", "skipped", "notes"),
    *("parameters", "versions"),
)  # what a bundle keeps of a summary: nothing of the machine or its tracking store


class Form(str, Enum):
    """What a model is exported as."""

    bundle = "bundle"
    onnx = "onnx"
    torch_export = "torch_export"


def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="folder of a run, its model file, or a bundle (not to bundle)")],
    to: Annotated[Form, typer.Option(help="bundle to ship, graph for other programs")],
    out: Annotated[Path, typer.Option(help="file to write")],
    waveforms: Annotated[
        bool, typer.Option("--waveforms/--features", help="what a graph begins with; waveforms: mfcc and log_mel alone")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON alone on stdout")] = False,
    trust: Trust = False,
) -> None:
    """Write a trained model as one file: a bundle, ONNX or torch.export."""
    found = export(checkpoint, to.value, out, waveforms=waveforms)
    if as_json:
        print_json(found)
        return
    said = f"sha256 {found['sha256']}" if "sha256" in found else f"at most {found['difference']:.1e} from PyTorch"
    typer.echo(f"written to {out}: {said}")


def export(checkpoint: str | Path, to: str, out: str | Path, *, waveforms: bool = False) -> dict[str, Any]:
    """Write a trained model as one file, and say what was written.

    Args:
        checkpoint: the folder of a run; for graphs also a model file or a bundle.
        to: `bundle`, `onnx` or `torch_export`.
        out: the file; it must not be there yet.
        waveforms: let a graph begin with waveforms, not with features.

    Raises:
        UserError: no model, a file that is there already, or a model that has no such form.

    Example:
        >>> export("nowhere", "onnx", "model.onnx")
        Traceback (most recent call last):
        ...
        transfer.errors.RecipeError: no model file at nowhere; expected a run folder that holds model.safetensors, or such a file
    """
    file = Path(out)
    if file.exists():
        raise UserError(f"{file} exists; an export never writes over a file: name another")
    try:
        if to == "bundle":
            return _bundle(Path(checkpoint), file)
        return _graph(Path(checkpoint), to, file, waveforms)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); name another file") from error


def _bundle(folder: Path, out: Path) -> dict[str, Any]:
    """Write a bundle of a finished run."""
    from transfer.bundle import write_bundle
    from transfer.checkpoint import FILE, read_checkpoint
    from transfer.model_card import CARD, model_card

    if folder.name == FILE:
        folder = folder.parent
    checkpoint = read_checkpoint(folder)
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{folder} has no readable summary.json, and a bundle says how its model was scored; expected the folder of a run"
        ) from error
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else model_card(summary, checkpoint.record["recipe"])
    protocol: Mapping[str, Any] = {key: summary[key] for key in PROTOCOL if key in summary}
    return {"path": str(out), "form": "bundle", "sha256": write_bundle(out, checkpoint, protocol=protocol, card=text)}


def _graph(checkpoint: Path, form: str, out: Path, waveforms: bool) -> dict[str, Any]:
    """Write a graph."""
    from transfer.checkpoint import read_checkpoint
    from transfer.exporting import export_graph
    from transfer.predicting import Predictor

    graph = export_graph(Predictor(read_checkpoint(checkpoint)), form, out, waveforms=waveforms)
    return {"path": str(out), "form": form, "difference": graph.difference, **graph.record}
