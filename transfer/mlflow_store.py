"""Where the MLflow store is: its address, the folder of a sqlite one, and how it may be shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["shown_uri", "store_folder", "store_uri"]

DEFAULT = "sqlite:///mlruns/mlflow.db"


def store_uri(uri: str | None) -> str:
    """Return the address of the store, a relative sqlite path made absolute, so that a later chdir does not move it.

    Args:
        uri: the address; None takes $MLFLOW_TRACKING_URI, else `sqlite:///mlruns/mlflow.db` in the current folder.

    Example:
        >>> store_uri("https://host:5000")
        'https://host:5000'
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT
    path = uri.removeprefix("sqlite:///")
    if path == uri or not path or path.startswith(":memory:"):
        return uri
    return f"sqlite:///{Path(path).absolute().as_posix()}"


def store_folder(uri: str) -> Path | None:
    """Return the folder of a sqlite database, which has the artifacts beside it; None for other stores.

    Example:
        >>> store_folder("sqlite:////data/mlruns/mlflow.db").as_posix(), store_folder("https://host")
        ('/data/mlruns', None)
    """
    path = uri.removeprefix("sqlite:///")
    return None if path == uri or path.startswith(":memory:") else Path(path.partition("?")[0]).parent


def shown_uri(uri: str) -> str:
    """Return a uri without a password in it.

    Example:
        >>> shown_uri("https://ann:secret@host/x")
        'https://host/x'
    """
    return re.sub(r"//[^/@]*@", "//", uri)
