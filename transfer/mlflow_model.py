"""A trained model as MLflow keeps and loads it: the model file, a signature and requirements. Nothing is pickled.

MLflow imports this module to load such a model and calls `_load_pyfunc`, its contract for a `loader_module`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer.checkpoint import read_checkpoint

if TYPE_CHECKING:
    import pandas as pd

    from transfer.predicting import Predictor

__all__ = ["SpeechModel", "requirements", "save_mlflow_model"]

_PACKAGE = "transfer-speech"
_EXTRAS = {"egemaps": "functionals"}  # front end -> what it needs beyond the package


class SpeechModel:
    """What `mlflow.pyfunc.load_model` gives: a table of audio files in, a row for each recording out.

    Args:
        predictor: a model ready to listen.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities and decision of every recording, as `transfer predict --level recording` does.

        Args:
            model_input: the columns `path` and, where known, `recording`, `speaker`, `start`, `end` (s).

        Raises:
            UserError: for a file that cannot be used: a caller that gets a row less would not notice.
        """
        from transfer.clips import clips_of_table

        return self.predictor(clips_of_table(model_input), unreadable="refuse").table


def _load_pyfunc(path: str) -> SpeechModel:
    """Return the model of a file, as MLflow asks for it."""
    from transfer.predicting import Predictor

    return SpeechModel(Predictor(read_checkpoint(path)))


def save_mlflow_model(file: Path, folder: Path, *, model_id: str, run_id: str) -> None:
    """Write a model file as a folder that `mlflow.pyfunc.load_model` reads.

    Args:
        file: of the model.
        folder: to write.
        model_id: of the model in the store.
        run_id: of the run that trained it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of classes of its own
        import mlflow.pyfunc
        from mlflow.models import Model

    record = read_checkpoint(file).record
    recipe = record["recipe"]
    signature = _signature(record["classes"][recipe["target"]["corpus"]])
    needed = requirements(recipe["frontend"]["name"])  # else MLflow infers them, by loading the model in a process
    model = Model("model", run_id, signature=signature, model_uuid=model_id, model_id=model_id)
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=__name__,
        data_path=str(file),
        mlflow_model=model,
        pip_requirements=needed,
    )


def requirements(frontend: str) -> list[str]:
    """Return what a model needs to be loaded elsewhere: this package and what its pyproject asks for.

    Args:
        frontend: name of the front end; some need more.

    Example:
        >>> any(line.startswith("torch") for line in requirements("mfcc"))
        True
    """
    extra = _EXTRAS.get(frontend)
    try:
        own = f"{_PACKAGE}{f'[{extra}]' if extra else ''}=={version(_PACKAGE)}"
        asked = [line for line in requires(_PACKAGE) or [] if "extra ==" not in line]
    except PackageNotFoundError:  # run from its folder without having been installed
        return ["mlflow"]
    return [own, *asked]


def _signature(classes: Sequence[str]) -> Any:
    """Return what goes in and what comes out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    known = {"recording": "string", "speaker": "string", "start": "double", "end": "double"}
    given = [ColSpec("string", "path"), *(ColSpec(kind, name, required=False) for name, kind in known.items())]
    said = {"recording": "string", "speaker": "string", "slices": "long", **{f"p_{name}": "double" for name in classes}}
    told = [ColSpec(kind, name) for name, kind in {**said, "decision": "string"}.items()]
    return ModelSignature(inputs=Schema(given), outputs=Schema(told))
