"""What was told to a tracker, taken to an MLflow store: in order, in batches, and nothing twice."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transfer.errors import UserError
from transfer.mlflow_store import store_folder
from transfer.spool import KINDS, Spool

__all__ = ["Delivery"]

_LOG = logging.getLogger(__name__)
# MLflow's limits (mlflow.utils.validation; a test holds them together).
A_BATCH = {"params": 100, "tags": 100, "metrics": 1000}
_REFUSED = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST", "INVALID_STATE", "PERMISSION_DENIED"}
"""Codes of errors that will be the same tomorrow: what caused them is given up, all else is kept and tried again."""


class Delivery:
    """Takes what waits in a spool to a store.

    Args:
        spool: what was told.
        uri: of the store.

    Attributes:
        errors: what the store refused for good, or what was not there.
        trouble: why the last attempt ended before everything was taken; "" where it did not.
    """

    def __init__(self, spool: Spool, uri: str) -> None:
        self.spool, self.uri = spool, uri
        self.errors: list[str] = []
        self.trouble = ""
        self._client: Any = None

    def attempt(self) -> bool:
        """Open the store where that was not done, and send what waits; say whether all is taken."""
        self.trouble = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # what MLflow uses of its libraries is its own affair
                if self._client is None:
                    self._open()
                self._send_all()
        except Exception as error:  # a store may fail in any way, and the run goes on
            self.trouble, self.spool.again = _said(error), True
        return not self.trouble and not self.spool.left()

    def _send_all(self) -> None:
        """Send what waits, kind by kind."""
        send: dict[str, Callable[[list[Any]], object]] = {
            "params": self._log_params,
            "tags": self._log_tags,
            "metrics": self._log_metrics,
            "datasets": self._log_datasets,
            "artifacts": lambda items: self._log_artifact(*items),
            "models": lambda items: self._log_model(*items),
            "status": lambda items: self._client.set_terminated(self.spool.run_id, *items[0]),
        }
        for kind in KINDS:
            while batch := self.spool.waiting(kind, A_BATCH.get(kind, 1)):
                try:
                    send[kind](batch)
                except Exception as error:
                    if not _for_good(error):
                        raise
                    self.errors.append(_said(error))
                self.spool.advance(kind, len(batch))
        self.spool.again = False

    def _open(self) -> None:
        """Open the store and find or start the run."""
        new_client = _mlflow_client()
        folder = store_folder(self.uri)
        if folder is None:
            self._start(_without_patience(new_client, self.uri), None)
            return
        from filelock import FileLock

        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".mlflow.lock"):  # two runs must not both make the tables, or the experiment
            self._start(_without_patience(new_client, self.uri), (folder / "artifacts").as_uri())

    def _start(self, client: Any, artifacts: str | None) -> None:
        """Find the run in the experiment, or start it; the experiment is made where it is missing."""
        about, spool = self.spool.about, self.spool
        found = client.get_experiment_by_name(about.experiment)
        if found is None:
            try:
                client.create_experiment(about.experiment, artifact_location=artifacts)
            except Exception as error:  # on a server another run may have made it meanwhile: then it is there now
                _LOG.debug("experiment %s was not made: %s", about.experiment, error)
            found = client.get_experiment_by_name(about.experiment)
        if found is None:
            raise RuntimeError(f"experiment {about.experiment!r} is not there and cannot be made")
        if spool.run_id is None and spool.again:  # it may have been made, and the answer lost
            made = client.search_runs([found.experiment_id], f"tags.`{_TOKEN}` = '{about.token}'")
            spool.run_id = made[0].info.run_id if made else None
        if spool.run_id is not None and not _is_there(client, spool.run_id):
            spool.rewind()
        if spool.run_id is None:
            tags = {_TOKEN: about.token} | ({"mlflow.parentRunId": about.parent} if about.parent else {})
            spool.run_id = str(client.create_run(found.experiment_id, tags=tags, run_name=about.name).info.run_id)
        elif not spool.waiting("status", 1):
            client.update_run(spool.run_id, status="RUNNING")
        spool.save()
        self._client = client

    def _log_params(self, items: list[Any]) -> None:
        from mlflow.entities import Param

        self._client.log_batch(self.spool.run_id, params=[Param(*item) for item in items])

    def _log_tags(self, items: list[Any]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.spool.run_id, tags=[RunTag(*item) for item in items])

    def _log_metrics(self, items: list[Any]) -> None:
        """Write numbers; where an earlier attempt may have come through, those alone that the store has not."""
        from mlflow.entities import Metric

        run_id = self.spool.run_id
        if self.spool.again:
            keys = {key for key, *_ in items}
            there = {(m.key, m.timestamp, m.step) for key in keys for m in self._client.get_metric_history(run_id, key)}
            items = [item for item in items if (item[0], item[2], item[3]) not in there]
        if items:
            self._client.log_batch(run_id, metrics=[Metric(*item) for item in items])

    def _log_datasets(self, items: list[Any]) -> None:
        """Write corpora: their names, fingerprints and counts, and no word of where they lie or who speaks."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name, fingerprint, "corpus", json.dumps({"corpus": name}), profile=json.dumps(counts)),
                [InputTag("mlflow.data.context", role)],
            )
            for name, fingerprint, role, counts in items
        ]
        self._client.log_inputs(self.spool.run_id, inputs)

    def _log_artifact(self, path: Path) -> None:
        """Copy a file or folder to the store."""
        if not path.exists():
            raise _MissingError(f"no file or folder {path}")
        if path.is_dir():
            self._client.log_artifacts(self.spool.run_id, str(path), path.name)
        else:
            self._client.log_artifact(self.spool.run_id, str(path))

    def _log_model(self, file: Path) -> None:
        """Write a model file as MLflow's model of this run, `runs:/<run>/model`."""
        from mlflow.entities import LoggedModelOutput

        from transfer.mlflow_model import save_mlflow_model

        if not file.exists():
            raise _MissingError(f"no file or folder {file}")
        run_id = str(self.spool.run_id)
        found = self._client.get_run(run_id)
        if self.spool.again and found.outputs and found.outputs.model_outputs:
            return
        model_id = self._client.create_logged_model(
            found.info.experiment_id, name="model", source_run_id=run_id
        ).model_id
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            save_mlflow_model(file, folder, model_id=model_id, run_id=run_id)
            self._client.log_model_artifacts(model_id, str(folder))
        self._client.finalize_logged_model(model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


_TOKEN = "spool"  # the tag by which a run is found whose id was lost


class _MissingError(UserError):
    """A file that was to be recorded and is not there."""


def _for_good(error: Exception) -> bool:
    """Tell whether an attempt would fail tomorrow too."""
    return isinstance(error, UserError) or getattr(error, "error_code", "") in _REFUSED


def _said(error: Exception) -> str:
    """Return what an error says, in a line."""
    text = str(error) if isinstance(error, _MissingError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def _without_patience(new_client: Any, uri: str) -> Any:
    """Open a store at once or not at all: MLflow tries a database that is gone 15 times, which takes nine hours."""
    from mlflow.store.db import utils

    before = utils.MAX_RETRY_COUNT
    utils.MAX_RETRY_COUNT = 1
    try:
        return new_client(uri)
    finally:
        utils.MAX_RETRY_COUNT = before


def _is_there(client: Any, run_id: str) -> bool:
    """Tell whether a store has a run; it may have been deleted, or be another store."""
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except Exception as error:
        if not _for_good(error):
            raise
        return False


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
