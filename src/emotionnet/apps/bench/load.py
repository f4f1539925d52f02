"""Requests to a server, many at once, from one thread that does little else: it counts the answers."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

PATIENCE = 60.0  # seconds for an answer
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: close\r\n", re.IGNORECASE)


@dataclass
class Load:
    """What came of requests: how often each status, `unanswered` ones, and the seconds that answers took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0
    wall: float = 0.0

    @property
    def per_second(self) -> float:
        """Good answers."""
        return self.statuses[200] / self.wall

    @property
    def errors(self) -> int:
        """Requests without a good answer, other than those that were told to try again."""
        return self.unanswered + sum(self.statuses.values()) - self.statuses[200] - self.statuses[429]


def requests_of(contents: Sequence[bytes]) -> list[bytes]:
    """A request for the emotions of each picture, ready to be sent."""
    head = "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: "
    return [f"{head}{len(content)}\r\n\r\n".encode() + content for content in contents]


def closed_load(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Clients that ask anew as soon as they are answered, until the time is over or the server ends."""
    return asyncio.run(_closed(port, requests, clients, seconds))


def open_load(port: int, requests: Sequence[bytes], *, rate: float, seconds: float, seed: int = 0) -> Load:
    """Requests that come at random times, `rate` a second on average, whether or not others are answered.

    The seconds of an answer count from when the request was due.
    """
    return asyncio.run(_open(port, requests, rate, seconds, seed))


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._found, self._answer = bytearray(), asyncio.get_running_loop().create_future()
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> int | None:
        """The status of the answer; None: there is none."""
        self._found.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(PATIENCE):
                status: int | None = await self._answer
        except TimeoutError:
            return None
        return status

    def data_received(self, data: bytes) -> None:
        self._found += data
        end = self._found.find(b"\r\n\r\n")
        if end < 0 or self._answer.done():
            return
        length = _LENGTH.search(self._found, 0, end + 2)
        if length is not None and len(self._found) >= end + 4 + int(length[1]):
            self.open = _CLOSE.search(self._found, 0, end + 2) is None
            self._answer.set_result(int(self._found[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.open = False
        if not self._answer.done():
            self._answer.set_result(None)

    def close(self) -> None:
        self._transport.close()


async def _connected(port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


async def _asked(load: Load, connection: _Connection, request: bytes, due: float) -> None:
    status = await connection.ask(request)
    if status is None:
        load.unanswered += 1
        return
    load.statuses[status] += 1
    load.seconds.append(time.perf_counter() - due)


async def _closed(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    load, connections = Load(), [await _connected(port) for _ in range(clients)]
    began = time.perf_counter()

    async def client(connection: _Connection, waiting: Iterator[bytes]) -> None:
        while connection.open and (now := time.perf_counter()) < began + seconds:
            await _asked(load, connection, next(waiting), now)

    every = itertools.cycle(requests)
    await asyncio.gather(*(client(connection, every) for connection in connections))
    load.wall = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return load


async def _open(port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int) -> Load:
    rng = np.random.default_rng(seed)
    load, every, idle = Load(), itertools.cycle(requests), list[_Connection]()
    due = began = time.perf_counter()

    async def one(request: bytes, due: float) -> None:
        connection = idle.pop() if idle else await _connected(port)
        await _asked(load, connection, request, due)
        if connection.open:
            idle.append(connection)

    async with asyncio.TaskGroup() as group:
        while (due := due + rng.exponential(1 / rate)) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(next(every), due))
    load.wall = time.perf_counter() - began
    for connection in idle:
        connection.close()
    return load
