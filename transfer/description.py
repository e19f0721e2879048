"""`transfer describe`: what an extractor costs and sees, behind the front end that feeds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from transfer.errors import UNSUITABLE, RecipeError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["describe_extractor", "print_description"]

SECONDS = 10  # of the clip that is described, unless the number of frames is given
WAVEFORM: dict[str, Any] = {"name": "waveform"}
FRONT_ENDS: dict[str, dict[str, Any]] = {  # of the extractors that cannot go behind the MFCC
    **dict.fromkeys(("cnn_lstm", "cnn_transformer_wave", "sincnet", "wav2vec2", "hubert", "wavlm"), WAVEFORM),
    "vggish_lstm": {"name": "log_mel", "bands": 64, "n_fft": 400, "hop": 160},
    "functionals": {"name": "egemaps"},
}


def describe_extractor(
    name: str, options: Sequence[str] = (), *, frontend: str | None = None, frames: int | None = None
) -> dict[str, Any]:
    """Describe an extractor for clips of a length.

    Args:
        name: of the extractor, or `module:Name`.
        options: `key=value` of the extractor and `frontend.key=value` of the front end, the values read as YAML.
        frontend: name of the front end, which says how many channels and seconds there are; None stands for one that
            fits: the waveform, VGGish's log-mel bands, the eGeMAPS functionals, or the MFCC.
        frames: length of the clip; None stands for 10 s.

    Raises:
        RecipeError: for names, options or values that do not exist or do not fit.

    Example:
        >>> found = describe_extractor("tcn", ["blocks=2", "frontend.order=1"], frames=100)
        >>> found["input"], found["receptive_field"]["frames"]
        ([13, 100], 7)
    """
    from feature_extractors.describe import describe
    from transfer.build import build_component, registries
    from transfer.loading import Source
    from transfer.options import check_options
    from transfer.recipe import Component

    given: dict[str, dict[str, Any]] = {"extractor": {"name": name}}
    given["frontend"] = {"name": frontend} if frontend else dict(FRONT_ENDS.get(name, {"name": "mfcc"}))
    for text in options:
        section, key, value = _parse(text)
        given[section][key] = value
    chosen = {section: Component.model_validate(tree) for section, tree in given.items()}
    try:
        for section, component in chosen.items():
            check_options(section, component, registries()[f"{section}s"], Source({"": "command line"}))
        front_end = build_component("frontend", "frontends", chosen["frontend"], {})
        extractor = build_component("extractor", "extractors", chosen["extractor"], {"in_channels": front_end.channels})
    except RecipeError as error:
        raise RecipeError(f"{error}{_on_the_command_line(str(error))}") from error
    if frames is not None and frames < 1:
        raise RecipeError(f"--frames is {frames}; a clip has at least one frame")
    frames = frames or front_end.frames(SECONDS * front_end.sample_rate)
    try:
        found = describe(extractor, (front_end.channels, frames))
    except UNSUITABLE as error:
        raise RecipeError(f"extractor: {name}: {error}") from error
    shift = _frame_shift(front_end)
    field = found.receptive_field
    return {
        "extractor": given["extractor"],
        "frontend": given["frontend"],
        "input": [front_end.channels, frames],
        "seconds": round(frames * shift, 4),
        "output": list(found.output),
        "scales": found.scales,
        "parameters": found.parameters,
        "trainable": found.trainable,
        "multiply_adds": found.multiply_adds,
        "receptive_field": {"frames": field, "seconds": None if field is None else round(field * shift, 4)},
        "layers": [layer._asdict() for layer in found.layers],
    }


def print_description(found: Mapping[str, Any], console: Console) -> None:
    """Print what `describe_extractor` found, with the layers that have parameters.

    Args:
        found: as it returned it.
        console: where to.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in ("layer", "type", "output", "parameters"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left", overflow="fold")
    for layer in (layer for layer in found["layers"] if layer["parameters"]):
        output = "" if layer["output"] is None else " x ".join(map(str, layer["output"]))
        table.add_row(layer["name"], layer["kind"], output, f"{layer['parameters']:,}")
    console.print(table)
    field = found["receptive_field"]
    seen = "the whole clip" if field["frames"] is None else f"{field['frames']:,} frames, {field['seconds']:.2f} s"
    channels, frames = found["input"]
    scales = f", {found['scales']} scales" if found["scales"] else ""
    frozen = f", {found['trainable']:,} trainable" if found["trainable"] != found["parameters"] else ""
    for label, value in {
        "input": f"{channels} channels x {frames:,} frames ({found['frontend']['name']}, {found['seconds']:.2f} s)",
        "output": f"{' x '.join(map(str, found['output']))}{scales}",
        "parameters": f"{found['parameters']:,}{frozen}",
        "multiply-adds": f"{found['multiply_adds']:,}",
        "receptive field": seen,
    }.items():
        console.print(f"{label:<16} {value}", highlight=False)


def _parse(text: str) -> tuple[str, str, Any]:
    """Return section, key and value of an option."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RecipeError(f"option {text!r} is not of the form key=value, such as blocks=4 or frontend.order=2")
    if key == "frontend":
        raise RecipeError(f"option {text!r}: the front end is named by --frontend {value or 'NAME'}")
    section, dot, rest = key.rpartition(".")
    if dot and section != "frontend":
        raise RecipeError(f"option {text!r}: {section!r} is not known; options are key=value or frontend.key=value")
    try:
        return section or "extractor", rest, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"option {text!r}: the value is not YAML ({error})") from error


def _on_the_command_line(message: str) -> str:
    """Return how to say here what a message asks for in the words of a recipe."""
    if "extractor.weights" in message:
        return "; `weights=random` describes it without a file"
    return "; here: --frontend NAME frontend.key=value" if "`frontend: {" in message else ""


def _frame_shift(front_end: Any) -> float:
    """Return the seconds from one frame to the next; of functionals, whose only frame is the clip, those of the clip."""
    rate = int(front_end.sample_rate)
    frames = int(front_end.frames(200 * rate)) - int(front_end.frames(100 * rate))
    return 100 / frames if frames else float(SECONDS)
