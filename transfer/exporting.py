"""A trained model for other programs: ONNX or torch.export, with any number of clips of any length, checked as it is written."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transfer.data.cache import atomic_write
from transfer.errors import RecipeError, UserError
from transfer.graph_modules import FeaturesToLogits, WaveformsToLogits
from transfer.predicting import Predictor

__all__ = ["GRAPHS", "Graph", "export_graph"]

LARGEST_DIFFERENCE = 1e-4  # of a logit, between PyTorch and the exported graph
_TRACED = (2, 3.0)  # clips and seconds that a graph is made with
_CHECKED = ((1, 1.0), (2, 3.0), (5, 6.5))  # clips and seconds that it is compared on


@dataclass(frozen=True)
class Graph:
    """A written graph.

    Args:
        path: its file.
        record: what is needed to use it; in the file too.
        difference: largest difference of a logit to PyTorch, on clips of several lengths.
    """

    path: Path
    record: dict[str, Any]
    difference: float


def export_graph(predictor: Predictor, form: str, out: Path, *, waveforms: bool = False) -> Graph:
    """Write a model as a graph of dynamic batch and length, and compare it with PyTorch.

    Args:
        predictor: a model ready to listen.
        form: `onnx` or `torch_export`.
        out: the file.
        waveforms: begin with waveforms, not with features.

    Raises:
        UserError: for a network or front end that cannot be exported, a graph that computes other numbers, or an extra that is
            not installed.
    """
    module: Module = (WaveformsToLogits if waveforms else FeaturesToLogits)(predictor)
    module.eval()
    record = _record(predictor, form, module)
    try:
        with _quiet(), torch.no_grad():
            exported = torch.export.export(
                module,
                module.examples(*_TRACED, predictor),
                dynamic_shapes=_shapes(module, predictor.front_end),
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
            write, run = GRAPHS[form](exported, record)
            cases = [module.examples(*check, predictor) for check in _CHECKED]
            difference = max(float((run(*case) - module.expected(*case)).abs().max()) for case in cases)
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"{form} needs packages that are not installed ({error}); pip install 'transfer-speech[export]'"
        ) from error
    except Exception as error:  # whatever the compiler says of a network that it cannot take
        said = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        name = predictor.recipe.extractor.name
        raise RecipeError(
            f"extractor {name!r} cannot be exported as {form} with any batch and length; --to bundle ships it whole ({said})"
        ) from error
    if not difference <= LARGEST_DIFFERENCE:
        raise RecipeError(
            f"the graph is {difference:.2g} from PyTorch, more than {LARGEST_DIFFERENCE:g}; nothing was written"
        )
    with _quiet():
        atomic_write(out, write)
    return Graph(out, record, difference)


Module = FeaturesToLogits | WaveformsToLogits
Run = Callable[..., Tensor]
Written = tuple[Callable[[Path], object], Run]


def _onnx(exported: torch.export.ExportedProgram, record: dict[str, Any]) -> Written:
    """Return what writes an ONNX file, and what runs it."""
    import onnx  # noqa: F401 (asked for first, so that what is missing is named)
    import onnxruntime
    import onnxscript  # noqa: F401

    program: Any = torch.onnx.export(
        exported, dynamo=True, input_names=record["inputs"], output_names=["logits"], verbose=False
    )
    program.model.metadata_props["transfer"] = json.dumps(record, sort_keys=True)
    data = program.model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(*given: Tensor) -> Tensor:
        named = {name: tensor.numpy() for name, tensor in zip(record["inputs"], given, strict=True)}
        (logits,) = session.run(["logits"], named)
        return torch.from_numpy(logits)

    return lambda path: path.write_bytes(data), run


def _torch_export(exported: torch.export.ExportedProgram, record: dict[str, Any]) -> Written:
    """Return what writes a torch.export archive, and what runs it."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            torch.export.save(exported, file, extra_files={"transfer.json": json.dumps(record, sort_keys=True)})

    return write, exported.module()


GRAPHS: dict[str, Callable[[torch.export.ExportedProgram, dict[str, Any]], Written]] = {
    "onnx": _onnx,
    "torch_export": _torch_export,
}


def _record(predictor: Predictor, form: str, module: Module) -> dict[str, Any]:
    """Return what a program has to know to use the graph."""
    kind = predictor.recipe.normalisation
    return {
        "form": form,
        "name": predictor.recipe.name,
        "inputs": list(module.names),
        "classes": list(predictor.classes),
        "temperature": predictor.temperature,
        "rule": predictor.rule,
        "front_end": predictor.front_end.record(),
        "standardised": "by the caller, each speaker's frames" if kind in ("speaker", "voice") else "in the graph",
        "slices": predictor.recipe.target.slices.model_dump(mode="json"),
        "intended_use": "Research. What it says diagnoses nobody.",
    }


def _shapes(module: Module, front_end: Any) -> dict[str, Any]:
    """Return which sizes may change from call to call: the clips, and the last axis of what is heard, if it ever does."""
    heard, lengths = module.names
    free = torch.export.Dim.DYNAMIC  # a network that needs some frames at least says so itself
    if heard == "features" and front_end.frames(60 * front_end.sample_rate) == 1:  # functionals of the whole clip
        return {heard: {0: free}, lengths: {0: free}}
    return {heard: {0: free, (2 if heard == "features" else 1): free}, lengths: {0: free}}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler's own notes from the user."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
