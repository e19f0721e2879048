"""`transfer ui`: MLflow's pages on the store that runs are recorded in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from transfer.errors import UserError
from transfer.mlflow_store import shown_uri, store_folder, store_uri

__all__ = ["ui_command"]

_SECONDS = 120.0  # a busy machine takes half a minute to import MLflow
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes of its own, for what no run here asks for
    "PYTHONWARNINGS": "ignore",  # of what MLflow uses of its libraries
}


def ui_command(
    store: Annotated[
        str | None, typer.Option(help="uri; default $MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db")
    ] = None,
    host: Annotated[
        str, typer.Option(help="address to listen at; the default admits this machine alone")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
) -> None:
    """Open the MLflow UI on the runs that were tracked, until Ctrl-C."""
    uri = store_uri(store)
    if uri.startswith(("http://", "https://")):
        typer.echo(f"this store is a server, which has pages of its own: {shown_uri(uri)}")
        return
    _check(uri, host, port)
    address = f"http://{host}:{port}"
    typer.echo(f"MLflow on {shown_uri(uri)} is starting ...", err=True)
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):  # the server, in its own session, must not outlive this
        signal.signal(getattr(signal, name), signal.default_int_handler)
    server = _server(uri, host, port)
    try:
        _wait_for(server, address)
        typer.echo(f"{address} (Ctrl-C ends it)")
        server.wait()
    except KeyboardInterrupt:
        typer.echo("", err=True)
    finally:
        _end(server)


def _check(uri: str, host: str, port: int) -> None:
    """Refuse a store that is not there, and a port that is taken.

    Raises:
        UserError: saying what to do.
    """
    file = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    if store_folder(uri) is not None and not file.is_file():
        raise UserError(
            f"there is no store at {shown_uri(uri)}: no run has been tracked in it yet; run a recipe first, or name the "
            "store with --store sqlite:///FOLDER/mlflow.db"
        )
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise UserError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --port") from error


def _server(uri: str, host: str, port: int) -> subprocess.Popen[bytes]:
    """Start MLflow's server; the address of the store, which may hold a password, is not on its command line."""
    environment = {**_QUIET, **os.environ, "MLFLOW_BACKEND_STORE_URI": uri}
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    folder = store_folder(uri)
    if folder is not None:
        command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    """Return when the server answers.

    Raises:
        UserError: where it ends instead, or never does.
    """
    until = time.monotonic() + _SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        if server.poll() is not None:
            raise UserError(f"the MLflow server ended with code {server.returncode}; what it says of it stands above")
        try:
            with direct.open(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise UserError(f"the MLflow server does not answer at {address} after {_SECONDS:.0f} s")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and the processes that it started."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(server.pid, signal.SIGTERM)
        else:
            server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
