"""How much of requests is read, and how long it may take; whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotionnet.apps.memory import give_back_memory
from emotionnet.apps.serve.errors import BusyError, RefusedError
from emotionnet.apps.serve.limits import Limits

LARGE, SOON = 2**24, 0.5  # bytes of a request after which memory is given back, and seconds until then
RETRY = 2.0  # seconds, where the server holds as many bytes as it may


class Budget:
    """How many bytes the requests of a server hold at once; one thread, the event loop's."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A request's part of it, given back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self._held -= share.held
            if share.held > LARGE:  # which who asked for the block still has in hand
                asyncio.get_running_loop().call_later(SOON, give_back_memory)

    def take(self, count: int) -> None:
        if self._held + count > self._most:
            raise BusyError(RETRY)
        self._held += count


class Share:
    def __init__(self, budget: Budget) -> None:
        self._budget, self.held = budget, 0

    def take(self, count: int) -> None:
        """Hold more bytes.

        Raises:
            BusyError: All requests together hold as many as they may.
        """
        self._budget.take(count)
        self.held += count


class BoundedBodies:
    """An app whose requests are read within limits, whoever reads them."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bounded = receive if scope["type"] != "http" else _Bounded(receive, self._limits).receive
        await self._app(scope, bounded, send)


class _Bounded:
    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._count, self._more = 0, True
        self._deadline: float | None = None

    async def receive(self) -> Message:
        """The next message.

        Raises:
            RefusedError: The body is too large or too slow.
        """
        if not self._more:
            return await self._receive()  # that the client went, at any time
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._limits.body_seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            seconds = self._limits.body_seconds
            raise RefusedError(408, "too_slow", f"the body must arrive within {seconds:g} s") from None
        self._count += len(message.get("body", b""))
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        if self._count > self._limits.request_bytes:
            raise too_large(self._limits.request_bytes)
        return message


def too_large(most: int, where: str = "") -> RefusedError:
    """The refusal of what has more bytes."""
    told = f"{most / 2**20:g} MiB" if most >= 2**20 else f"{most:,} bytes"
    return RefusedError(413, "too_large", f"{where}must have at most {told}")
