"""What a server takes on: how large, how long, how often, how many at once; whoever asks for more is told so."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limits", "Places", "Rate"]


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Args:
        megabytes: of a request's body.
        seconds: of audio.
        per_minute: requests of one address.
        at_once: recordings that are computed side by side.
        waiting: requests beyond those that may wait for their turn.
        patience: s that a client has to send its audio.
        greeting: s that a client has to send the header of a request.
        per_address: connections of one address that are open at once.

    Example:
        >>> Limits(megabytes=2).bytes
        2000000
    """

    megabytes: float = 25.0
    seconds: float = 120.0
    per_minute: int = 60
    at_once: int = 2
    waiting: int = 8
    patience: float = 30.0
    greeting: float = 10.0
    per_address: int = 32

    @property
    def bytes(self) -> int:
        """Of a request's body, in bytes."""
        return int(self.megabytes * 1_000_000)


class Rate:
    """Requests of each address: `per_minute` in a burst, then as many a minute (a token bucket).

    Args:
        per_minute: requests.
        addresses: how many are remembered; the one heard of longest ago is forgotten first.
        clock: s, ever growing.

    Example:
        >>> rate = Rate(2, clock=lambda: 0.0)
        >>> [rate.wait("10.0.0.1") for _ in range(3)], rate.wait("10.0.0.2")
        ([0.0, 0.0, 30.0], 0.0)
    """

    def __init__(
        self, per_minute: int, *, addresses: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute, self.addresses, self.clock = per_minute, addresses, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Count a request; return 0 where it may go on, else the s until one may."""
        now = self.clock()
        left, then = self._left.pop(address, (float(self.per_minute), now))
        left = min(left + (now - then) * self.per_minute / 60, float(self.per_minute))
        allowed = left >= 1
        self._left[address] = (left - allowed, now)
        while len(self._left) > self.addresses:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self.per_minute


class Places:
    """Places in a room: who finds none is sent away.

    Args:
        number: of places.

    Example:
        >>> places = Places(1)
        >>> places.take(), places.take()
        (True, False)
        >>> places.leave()
        >>> places.take()
        True
    """

    def __init__(self, number: int) -> None:
        self.number, self.taken = number, 0

    def take(self) -> bool:
        """Take a place where there is one."""
        if self.taken >= self.number:
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
