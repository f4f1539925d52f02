"""Hosts take turns: so many requests at once, so long between two, and a pause when they ask for one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

MOST_KNOWN = 20_000


class Host:
    """One host's line.

    Args:
        at_once: Requests that may be under way.
        delay: Seconds between the starts of two.
    """

    def __init__(self, at_once: int, delay: float) -> None:
        self.delay = delay
        self._free = asyncio.Semaphore(at_once)
        self._waiting, self._next = 0, 0.0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a request may be made; within the block it counts."""
        self._waiting += 1
        try:
            async with self._free:
                clock = asyncio.get_running_loop().time
                while (wait := self._next - clock()) > 0:
                    await asyncio.sleep(wait)
                self._next = clock() + self.delay
                yield
        finally:
            self._waiting -= 1

    def pause(self, seconds: float) -> None:
        """Begin no request for so long."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)

    @property
    def is_idle(self) -> bool:
        """Whether nobody is in line, and nobody would have to wait."""
        return not self._waiting and self._next <= asyncio.get_running_loop().time()


class Hosts:
    """The lines of all hosts; those that nobody waits in are forgotten when there are many."""

    def __init__(self, at_once: int, delay: float) -> None:
        self._at_once, self._delay = at_once, delay
        self._known: dict[str, Host] = {}

    def of(self, queue: str) -> Host:
        """The line of a host, see `Place.queue`."""
        if queue not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known = {name: host for name, host in self._known.items() if not host.is_idle}
            self._known[queue] = Host(self._at_once, self._delay)
        return self._known[queue]

    def slow_down(self, queue: str, delay: float) -> None:
        """Keep at least so many seconds between two requests to a host."""
        self.of(queue).delay = max(self._delay, delay)
