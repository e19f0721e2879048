"""`transfer serve`: a trained model behind HTTP, with a page to try it on."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer.errors import UserError

if TYPE_CHECKING:
    import uvicorn

    from transfer.serving.limits import Limits

__all__ = ["build_server", "listening_socket", "serve_command"]

CONNECTIONS = 128  # open at once, those that only look included


def serve_command(
    model: Annotated[Path, typer.Argument(help="a bundle, folder of a run, or its model file")],
    host: Annotated[
        str, typer.Option(help="address to listen at; the default admits this machine alone")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    megabytes: Annotated[float, typer.Option(min=0.001, help="largest upload, MB")] = 25.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="longest recording, s")] = 120.0,
    per_minute: Annotated[int, typer.Option(min=1, help="requests of one address a minute")] = 60,
    at_once: Annotated[int, typer.Option(min=1, help="recordings computed side by side")] = 2,
    waiting: Annotated[int, typer.Option(min=0, help="requests that may wait for their turn")] = 8,
) -> None:
    """Answer HTTP requests with what a trained model says of their audio, until Ctrl-C; nothing is stored."""
    listener = listening_socket(host, port)
    with listener:
        try:
            from transfer.serving.limits import Limits

            server = build_server(
                model,
                Limits(megabytes=megabytes, seconds=seconds, per_minute=per_minute, at_once=at_once, waiting=waiting),
            )
        except ImportError as error:
            raise UserError(
                f"serving needs a package that is not installed ({error}); pip install 'transfer-speech[serve]'"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        typer.echo(
            f"http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it); audio is judged in memory, and not kept"
        )
        with suppress(KeyboardInterrupt):  # which uvicorn raises once more when it has ended
            server.run(sockets=[listener])


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: address.
        port: 0 takes a free one.

    Raises:
        UserError: where the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --port") from error


def build_server(model: Path, limits: Limits) -> uvicorn.Server:
    """Return a server of a model, ready to run.

    Args:
        model: a bundle, folder of a run, or its model file.
        limits: of what is taken on.

    Raises:
        UserError: for what is no model, or judges no clip alone.
    """
    import uvicorn

    from transfer.checkpoint import read_checkpoint
    from transfer.predicting import Predictor
    from transfer.serving.app import build_app
    from transfer.serving.connections import protocol

    predictor = Predictor(read_checkpoint(model))
    predictor.refuse_single_clips()
    app = build_app(predictor, limits)
    config = uvicorn.Config(
        app,
        http=protocol(limits),
        log_level="warning",
        access_log=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        limit_concurrency=CONNECTIONS,
        server_header=False,
        ws="none",
    )
    return uvicorn.Server(config)
