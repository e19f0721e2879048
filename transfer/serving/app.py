"""The server's answers: `POST /predict`, `/model`, `/health`, `/metrics`, and a page at `/`.

Audio is read from the request into memory, decoded there, judged and let go: no file is written, no request is logged.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from transfer.console import NOTICE
from transfer.data.sound import decode
from transfer.errors import UserError
from transfer.predicting import Predictor
from transfer.serving.limits import Limits, Places, Rate
from transfer.serving.measures import CONTENT_TYPE, Measures

__all__ = ["build_app"]

DRAIN = 4  # times the limit that is read, and thrown away, so that a client hears the answer instead of a closed door
PAGE = files("transfer.serving").joinpath("page.html").read_text(encoding="utf-8")


def _policy(page: str) -> str:
    """Return a content security policy that lets nothing run but what stands in the page."""
    allowed = {
        tag: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        )
        for tag in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; connect-src 'self'; "
        "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _policy(PAGE),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Desk:
    """Where requests for predictions come in, one after another, within the limits.

    Args:
        predictor: the model.
        limits: of what is taken on.
        measures: what is counted.
    """

    def __init__(self, predictor: Predictor, limits: Limits, measures: Measures) -> None:
        self.predictor, self.limits, self.measures = predictor, limits, measures
        self.rate = Rate(limits.per_minute)
        self.places = Places(limits.at_once + limits.waiting)
        self.turns = asyncio.Semaphore(limits.at_once)

    async def answer(self, request: Request, level: Literal["slice", "recording"]) -> dict[str, Any]:
        """Return what the model says of a request's audio.

        Raises:
            HTTPException: where the request is beyond a limit.
            UserError: for audio that cannot be used.
        """
        if wait := self.rate.wait(request.client.host if request.client else ""):
            raise _busy(429, f"more than {self.limits.per_minute} requests a minute from one address", wait)
        async with self._place():
            try:
                data = await asyncio.wait_for(self._body(request), self.limits.patience)
            except asyncio.TimeoutError:
                raise HTTPException(408, f"the audio did not arrive within {self.limits.patience:g} s") from None
            async with self.turns:
                return await run_in_threadpool(self._judge, data, level)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Hold a place while a request is inside."""
        if not self.places.take():
            raise _busy(503, "all places are taken", 1.0)
        self.measures.inside.inc()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.places.leave()
            self.measures.inside.dec()
            self.measures.seconds.observe(time.perf_counter() - start)

    async def _body(self, request: Request) -> bytes:
        """Return the bytes of a request, refused where they are too many."""
        most, size = self.limits.bytes, 0
        kept = bytearray()
        too_large = HTTPException(413, f"more than the {self.limits.megabytes:g} MB that are taken; send a part of it")
        claimed = request.headers.get("content-length", "0")
        if claimed.isdecimal() and int(claimed) > DRAIN * most:
            raise too_large
        async for chunk in request.stream():
            size += len(chunk)
            if size > DRAIN * most:
                raise too_large
            if size <= most:
                kept += chunk
        if size > most:
            raise too_large
        return bytes(kept)

    def _judge(self, data: bytes, level: Literal["slice", "recording"]) -> dict[str, Any]:
        """Decode, and ask the model."""
        sound = decode(data, longest=self.limits.seconds)
        found = self.predictor.listen(sound, level=level)
        self.measures.audio.inc(sound.seconds)
        classes = self.predictor.classes
        rows = [
            {
                **{key: row[key] for key in ("start", "end", "slices") if key in row},
                "probabilities": {name: row[f"p_{name}"] for name in classes},
                "decision": row["decision"],
            }
            for row in found.table.to_dict("records")
        ]
        notes = [*found.notes, *(f"left out: {where}: {why}" for where, why in found.problems.items())]
        return {"seconds": round(sound.seconds, 3), "predictions": rows, "notes": notes, "notice": NOTICE}


def build_app(predictor: Predictor, limits: Limits | None = None) -> FastAPI:
    """Return the application of a model.

    Args:
        predictor: the model.
        limits: of what is taken on.
    """
    limits, measures = limits or Limits(), Measures()
    desk = Desk(predictor, limits, measures)
    app = FastAPI(title="transfer serve", description=NOTICE, docs_url=None, redoc_url=None)

    @app.post("/predict")
    async def predict(request: Request, level: Literal["slice", "recording"] = "recording") -> dict[str, Any]:
        """Tell what the model says of the audio that is the body: WAV, FLAC, OGG, MP3, whatever libsndfile reads."""
        return await desk.answer(request, level)

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """Tell which model this is, and what it takes."""
        return {
            "name": predictor.recipe.name,
            "classes": list(predictor.classes),
            "calibrated": predictor.temperature != 1.0,
            "limits": {"megabytes": limits.megabytes, "seconds": limits.seconds, "per_minute": limits.per_minute},
            "notice": NOTICE,
        }

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Tell that the server lives."""
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> Response:
        """Tell what was counted, for Prometheus."""
        return Response(measures.text(), media_type=CONTENT_TYPE)

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        """Show the page."""
        return PAGE

    _count(app, measures)
    _answer_errors(app)
    return app


def _count(app: FastAPI, measures: Measures) -> None:
    """Count every answer by path and status, and give it the headers of all."""
    known = {"/", "/predict", "/model", "/health", "/metrics"}

    @app.middleware("http")
    async def counted(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path if request.url.path in known else "other"
        try:
            response = await call(request)
        except ClientDisconnect:
            response = JSONResponse({"error": "the client went away"}, 499)
        except Exception:
            measures.requests.labels(path, "500").inc()
            raise
        measures.requests.labels(path, str(response.status_code)).inc()
        response.headers.update(HEADERS)
        return response


def _answer_errors(app: FastAPI) -> None:
    """Answer every error in JSON, in words, and nothing of the machine."""

    @app.exception_handler(UserError)
    async def unusable(request: Request, error: UserError) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    async def asked_wrongly(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": "the server made a mistake; it goes on"}, 500)


def _busy(status: int, why: str, wait: float) -> HTTPException:
    """Return a refusal that says when to come again."""
    seconds = max(1, math.ceil(wait))
    return HTTPException(status, f"{why}; try again in {seconds} s", {"Retry-After": str(seconds)})
