"""The MLflow tracker: writes from a thread of its own, in batches, and never stops a run.

Sqlite takes some 8 ms for a call and hardly longer for a hundred metrics in one, and training waits for neither. What a
failing store did not take is reported once; the files of the run folder are there in any case.
"""

from __future__ import annotations

import json
import logging
import os
import posixpath
import queue
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transfer.mlflow_store import shown_uri, store_folder, store_uri
from transfer.tracking import Status, flatten

__all__ = ["MLflowTracker"]

_LOG = logging.getLogger(__name__)
_Entry = tuple[str, list[Any]]  # what kind it is of, and what there is of it
_KINDS = ("params", "tags", "metrics", "datasets", "artifacts", "models")
# MLflow's limits (mlflow.utils.validation; a test holds them together).
_A_BATCH = {"params": 100, "tags": 100, "metrics": 1000}
_PARAM_LENGTH, _TAG_LENGTH, _KEY_LENGTH = 6000, 8000, 250
_FAILURES_IN_A_ROW = 3
_GATHER = 5.0  # seconds; a write costs the processor 10 ms, which the training of short epochs would feel


class MLflowTracker:
    """Keeps a run in an MLflow store.

    Args:
        uri: of the store; None takes $MLFLOW_TRACKING_URI, else `sqlite:///mlruns/mlflow.db` in the current folder. A
            sqlite store has its artifacts beside the database.
        experiment: name of the experiment; it is made where it is missing.
        run_name: name of the run.
        parent: id of the run that it is nested in; None for a run of its own.
        resume: id of a run that goes on; None begins a new one.

    Attributes:
        uri: of the store, a sqlite path made absolute.
        run_id: the id of the run; None where the store could not be opened.
        errors: what could not be written.

    Example:
        >>> tracker = MLflowTracker("sqlite:///mlruns/mlflow.db", "transfer", "first")  # doctest: +SKIP
        >>> tracker.metrics({"loss": 0.5}, step=1)  # doctest: +SKIP
        >>> tracker.finish()  # doctest: +SKIP
    """

    def __init__(
        self,
        uri: str | None,
        experiment: str,
        run_name: str,
        *,
        parent: str | None = None,
        resume: str | None = None,
    ) -> None:
        self.uri = store_uri(uri)
        self.run_id: str | None = None
        self._parent, self._resume = parent, resume
        self.errors: list[str] = []
        self._in_a_row = 0
        self._client: Any = None
        self._pending: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what MLflow uses of its libraries is its own affair
            self._attempt(lambda: self._open(experiment, run_name))
        if self.errors:
            _LOG.warning("this run is not tracked: %s cannot be used (%s)", shown_uri(self.uri), self.errors[0])
            return
        self._writer = threading.Thread(target=self._write, name="tracking", daemon=True)
        self._writer.start()

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings; long values are cut, with a note of their length."""
        self._put("params", [(key, _cut(value, _PARAM_LENGTH)) for key, value in _keys(flatten(values)).items()])

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags; long values are cut, with a note of their length."""
        self._put("tags", [(key, _cut(value, _TAG_LENGTH)) for key, value in _keys(flatten(values)).items()])

    def metrics(self, values: Mapping[str, float | None], step: int) -> None:
        """Record numbers of a step, with the time of this call; None is left out."""
        now = int(time.time() * 1000)
        numbers = [(key, float(value), now, step) for key, value in _keys(values).items() if value is not None]
        self._put("metrics", numbers)

    def artifact(self, path: str | os.PathLike[str]) -> None:
        """Record a file, or a folder under its own name; it must stay until `finish` returns."""
        self._put("artifacts", [Path(path).resolve()])

    def dataset(self, name: str, fingerprint: str, role: str, counts: Mapping[str, int]) -> None:
        """Record a corpus by its fingerprint; what counts it has are kept of the first run that hears it."""
        self._put("datasets", [(name, fingerprint, role, dict(counts))])

    def model(self, file: str | os.PathLike[str]) -> None:
        """Record a model file as a model that `mlflow.pyfunc` loads; it must stay until `finish` returns."""
        self._put("models", [Path(file).resolve()])

    def finish(self, status: Status = "FINISHED") -> None:
        """Write what is pending, close the run, and report what could not be written; a second call does nothing."""
        if self._writer is None:
            return
        self._pending.put(None)
        self._writer.join()
        self._writer = None
        self._attempt(lambda: self._client.set_terminated(self.run_id, status))
        if self.errors:
            _LOG.warning(
                "the record of run %s in %s is not complete: %d writes failed (first: %s)",
                *(self.run_id, shown_uri(self.uri), len(self.errors), self.errors[0]),
            )

    def _open(self, experiment: str, run_name: str) -> None:
        """Open the store and start the run."""
        client = _mlflow_client()
        folder = store_folder(self.uri)
        if folder is None:
            self._client = client(self.uri)
            self._start(experiment, run_name, None)
            return
        from filelock import FileLock

        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".mlflow.lock"):  # two runs must not both make the tables, or the experiment
            self._client = client(self.uri)
            self._start(experiment, run_name, (folder / "artifacts").as_uri())

    def _start(self, experiment: str, run_name: str, artifacts: str | None) -> None:
        """Start a run in the experiment, which is made where it is missing."""
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            try:
                self._client.create_experiment(experiment, artifact_location=artifacts)
            except Exception as error:  # on a server another run may have made it meanwhile: then it is there now
                _LOG.debug("experiment %s was not made: %s", experiment, error)
            found = self._client.get_experiment_by_name(experiment)
        if found is None:
            raise RuntimeError(f"experiment {experiment!r} is not there and cannot be made")
        if self._resume and self._is_there(self._resume):
            self.run_id = self._resume
            self._client.update_run(self.run_id, status="RUNNING")
            return
        tags = {"mlflow.parentRunId": self._parent} if self._parent else None
        self.run_id = str(self._client.create_run(found.experiment_id, tags=tags, run_name=run_name).info.run_id)

    def _is_there(self, run_id: str) -> bool:
        """Tell whether the store has a run: it may have been deleted, or be another store."""
        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except Exception as error:
            _LOG.debug("run %s is not in the store: %s", run_id, error)
            return False

    def _put(self, kind: str, items: list[Any]) -> None:
        """Hand something to the writer."""
        if self._writer is not None:
            self._pending.put((kind, items))

    def _write(self) -> None:
        """Be the writer: take what gathers in some seconds, write it in as few calls as may be."""
        done = False
        while not done:
            entries = [self._pending.get()]
            until = time.monotonic() + _GATHER
            with suppress(queue.Empty):
                while entries[-1] is not None:
                    entries.append(self._pending.get(timeout=max(0.0, until - time.monotonic())))
            done = entries[-1] is None
            gathered: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
            for entry in entries:
                if entry is not None:
                    gathered[entry[0]].extend(entry[1])
            self._write_batches(gathered)

    def _write_batches(self, gathered: dict[str, list[Any]]) -> None:
        """Write what has gathered."""
        from mlflow.entities import Metric, Param, RunTag

        for kind, entity in (("params", Param), ("tags", RunTag), ("metrics", Metric)):
            items, size = gathered[kind], _A_BATCH[kind]
            for start in range(0, len(items), size):
                batch = {kind: [entity(*item) for item in items[start : start + size]]}
                self._attempt(partial(self._client.log_batch, self.run_id, **batch))
        if gathered["datasets"]:
            self._attempt(partial(self._log_datasets, gathered["datasets"]))
        for kind, log in (("artifacts", self._log_artifact), ("models", self._log_model)):
            for path in gathered[kind]:
                if path.exists():
                    self._attempt(partial(log, path))
                else:
                    self.errors.append(f"no file or folder {path}")

    def _log_datasets(self, datasets: list[Any]) -> None:
        """Write corpora: their names, fingerprints and counts, and no word of where they lie or who speaks."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name, fingerprint, "corpus", json.dumps({"corpus": name}), profile=json.dumps(counts)),
                [InputTag("mlflow.data.context", role)],
            )
            for name, fingerprint, role, counts in datasets
        ]
        self._client.log_inputs(self.run_id, inputs)

    def _log_model(self, file: Path) -> None:
        """Write a model file as MLflow's model of this run, `runs:/<run>/model`."""
        from mlflow.entities import LoggedModelOutput

        from transfer.mlflow_model import save_mlflow_model

        run_id = str(self.run_id)
        experiment = self._client.get_run(run_id).info.experiment_id
        model_id = self._client.create_logged_model(experiment, name="model", source_run_id=run_id).model_id
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            save_mlflow_model(file, folder, model_id=model_id, run_id=run_id)
            self._client.log_model_artifacts(model_id, str(folder))
        self._client.finalize_logged_model(model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])

    def _log_artifact(self, path: Path) -> None:
        """Copy a file or folder to the store."""
        if path.is_dir():
            self._client.log_artifacts(self.run_id, str(path), path.name)
        else:
            self._client.log_artifact(self.run_id, str(path))

    def _attempt(self, call: Callable[[], object]) -> None:
        """Make a call to the store, note its failure, and try no more after three in a row."""
        if self._in_a_row >= _FAILURES_IN_A_ROW:
            self.errors.append("not tried: the store failed three times in a row")
            return
        try:
            call()
            self._in_a_row = 0
        except Exception as error:  # a store may fail in any way, and the run goes on
            self._in_a_row += 1
            self.errors.append(f"{type(error).__name__}: {error}".splitlines()[0][:300])


def _keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under names that MLflow admits (letters, digits, _ - . / and space), each once."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = posixpath.normpath(re.sub(r"[^/\w.\- ]", "_", key)).lstrip("/.")[:_KEY_LENGTH] or "_"
        number = 2
        while name in result:
            suffix = f"_{number}"
            name, number = name[: _KEY_LENGTH - len(suffix)].removesuffix(f"_{number - 1}") + suffix, number + 1
        result[name] = value
    return result


def _cut(value: Any, length: int) -> str:
    """Return a value as text of at most this length; what is cut is said."""
    text = str(value)
    note = f" ... (cut, {len(text)} characters)"
    return text if len(text) <= length else text[: length - len(note)] + note


def _mlflow_client() -> Any:
    """Import MLflow (seconds) and return its client class, quiet: no chatter of migrations, bars or usage reports."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # where JSON stands alone
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")  # or a lock file of the current folder goes into models
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # the default waits four minutes for a wrong address
    from mlflow import MlflowClient

    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # warns where uv installed no pip
    return MlflowClient
