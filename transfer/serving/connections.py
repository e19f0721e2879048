"""Connections of a server: whoever opens one and says nothing, or opens many, keeps nobody else out.

uvicorn counts connections and ends idle ones between two requests, but waits for the first request, and for the end of one
that has begun, without limit.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from transfer.serving.limits import Limits

__all__ = ["protocol"]

_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"


def protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's HTTP with limits.

    Args:
        limits: `greeting` and `per_address` are kept here.
    """
    return type("LimitedProtocol", (_Limited,), {"limits": limits})


class _Limited(H11Protocol):
    """HTTP whose requests have to come: `greeting` s are there for each one's header, from when it can be sent."""

    limits: Limits
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait, or refuse an address that has enough."""
        super().connection_made(transport)
        if self.client and sum(_host(other) == self.client[0] for other in self.connections) > self.limits.per_address:
            transport.write(_REFUSAL)
            transport.close()
        else:
            self._wait()

    def handle_events(self) -> None:
        """Wait no more once a header is whole; a body has its own limit."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request; what still comes of this one does not count."""
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.limits.greeting, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _host(connection: object) -> str | None:
    """Return the address at the other end."""
    client = getattr(connection, "client", None)
    return client[0] if client else None
