"""Hosts take turns: so many requests at once, so long between two, and a pause when they ask for one.

A host that answers nothing any more is down, and is asked only now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

MOST_KNOWN = 20_000
FEWEST_SILENT = 10  # requests without an answer, one after another, before a host is taken to be down


class Host:
    """One host's line.

    Args:
        at_once: Requests that may be under way.
        delay: Seconds between the starts of two.
        room: Places for requests to all hosts.
        down_after: Seconds without an answer; so long a host that is down is left alone, too.
    """

    def __init__(self, at_once: int, delay: float, room: asyncio.Semaphore, down_after: float) -> None:
        self.delay, self._room, self._down_after = delay, room, down_after
        self._free = asyncio.Semaphore(at_once)
        self._waiting, self._next = 0, 0.0
        self._silent, self._silent_from, self._down_until = 0, 0.0, 0.0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a request may be made; within the block it counts."""
        self._waiting += 1
        try:
            async with self._free:
                await self._begin()
                try:
                    yield
                finally:
                    self._room.release()
        finally:
            self._waiting -= 1

    async def _begin(self) -> None:
        """Take a place in the room when it is time for a request."""
        while True:
            while (wait := self._next - _now()) > 0:
                await asyncio.sleep(wait)
            await self._room.acquire()
            if self._next <= _now():
                break
            self._room.release()  # while the room was full, another of this line got in
        self._next = _now() + self.delay

    def pause(self, seconds: float) -> None:
        """Begin no request for so long."""
        self._next = max(self._next, _now() + seconds)

    def answered(self) -> None:
        """A request was answered, with whatever."""
        self._silent, self._down_until = 0, 0.0

    def was_silent(self) -> None:
        """A request was not: no connection, or no answer in time."""
        if not self._silent:
            self._silent_from = _now()
        self._silent += 1
        if self._silent >= FEWEST_SILENT and _now() - self._silent_from >= self._down_after:
            self._down_until = _now() + self._down_after

    @property
    def is_down(self) -> bool:
        """Whether it answers nothing any more, and is not to be asked for now."""
        return self._down_until > _now()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is in line, and nobody would have to wait."""
        return not self._waiting and max(self._next, self._down_until) <= _now()


class Hosts:
    """The lines of all hosts; those that nobody waits in are forgotten when there are many.

    Args:
        at_once: As for `Host`.
        delay: As for `Host`.
        together: Requests to all hosts that may be under way.
        down_after: As for `Host`.
    """

    def __init__(self, at_once: int, delay: float, *, together: int, down_after: float) -> None:
        self._at_once, self._delay, self._down_after = at_once, delay, down_after
        self._room = asyncio.Semaphore(together)
        self._known: dict[str, Host] = {}

    def of(self, queue: str) -> Host:
        """The line of a host, see `Place.queue`."""
        if queue not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known = {name: host for name, host in self._known.items() if not host.is_idle}
            self._known[queue] = Host(self._at_once, self._delay, self._room, self._down_after)
        return self._known[queue]

    def slow_down(self, queue: str, delay: float) -> None:
        """Keep at least so many seconds between two requests to a host."""
        self.of(queue).delay = max(self._delay, delay)


def _now() -> float:
    return asyncio.get_running_loop().time()
