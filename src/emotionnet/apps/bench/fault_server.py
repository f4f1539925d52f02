"""A server that goes wrong in every way that the web knows, on addresses of this machine alone.

http://ADDRESS:PORT/KIND/NUMBER.jpg is answered as `faults.KINDS` says. Each address has a listener, and is a
host of its own to whoever downloads. What was asked is counted, and told at /counts of the first address. The
addresses of `TRAPS` count whoever connects; nobody should.

HTTP is spoken by hand: most of these answers break its rules.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from emotionnet.apps.bench.faults import KINDS, ROBOTS, Asked, Reply, whole
from emotionnet.records import TrainingError

HOSTS = ("127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6")
NO_ROBOTS = "127.0.0.4"  # has no robots.txt
DOWN = "127.0.0.7"  # answers whoever asks for its robots.txt with 503
TRAPS = ("127.0.0.1", "127.0.0.2")
ROBOTS_PATH, COUNTS_PATH = "/robots.txt", "/counts"
TEXT = ("Content-Type", "text/plain")


@dataclass
class Seen:
    """What a listener saw: requests by path, connections, requests at once, when each began."""

    requests: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    now: int = 0
    most: int = 0
    began: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "requests": dict(self.requests),
            "connections": self.connections,
            "at_once": self.most,
            "span": self.began[-1] - self.began[0] if self.began else 0.0,
        }


class FaultServer:
    """Listeners and what they saw, by address; `traps` are ports by address."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.traps: dict[str, int] = {}

    async def listen(self, address: str) -> int:
        """Start a listener; its port."""
        self.seen[address] = Seen()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.seen[address].connections += 1
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if address not in TRAPS:
                    await self._speak(address, reader, writer)
            writer.close()

        server = await asyncio.start_server(connected, address, 0)
        return int(server.sockets[0].getsockname()[1])

    async def _speak(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of a connection, one after another."""
        going_on = True
        while going_on:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            if path == COUNTS_PATH:
                going_on = await _send(writer, self._counts())
                continue
            seen = self.seen[address]
            seen.requests[path] += 1
            seen.began.append(time.monotonic())
            seen.now += 1
            seen.most = max(seen.most, seen.now)
            try:
                reply = self._reply(address, path, head)
                going_on = await (reader.read() if reply is None else _send(writer, reply)) is True
            finally:
                seen.now -= 1

    def _reply(self, address: str, path: str, head: str) -> Reply | None:
        if path == ROBOTS_PATH:
            status = {NO_ROBOTS: 404, DOWN: 503}.get(address, 200)
            return whole(ROBOTS, TEXT, status=status)
        _, kind, rest = (*path.split("/", 2), "")[:3]
        digits = rest.partition(".")[0]
        if kind not in KINDS or not digits.isdecimal():
            return whole(b"no such path", TEXT, status=404)
        host = next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
        nth = self.seen[address].requests[path]
        return KINDS[kind](Asked(int(digits), nth, host, path, self.traps))

    def _counts(self) -> Reply:
        hosts = {address: seen.to_dict() for address, seen in self.seen.items()}
        told = {"hosts": hosts, "cpu_seconds": time.process_time()}
        return whole(json.dumps(told).encode(), ("Content-Type", "application/json"))


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Whether the connection can be used again."""
    length = "Transfer-Encoding: chunked" if reply.length is None else f"Content-Length: {reply.length}"
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", length]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    content = "\r\n".join([*lines, "", ""]).encode()
    for piece in reply.pieces:
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if reply.length is None else piece
        if reply.pause:
            await asyncio.sleep(reply.pause)
        writer.write(content + framed)  # one packet where that is enough
        await writer.drain()
        content = b""
    if reply.length is None and not reply.cut:
        content += b"0\r\n\r\n"
    writer.write(content)
    await writer.drain()
    return not reply.cut


@dataclass(frozen=True)
class Running:
    """A server at work: the ports of its hosts and of its traps, by address."""

    ports: Mapping[str, int]
    traps: Mapping[str, int]

    def url(self, kind: str, number: int, address: str = HOSTS[0]) -> str:
        """Where a picture of a kind is."""
        return f"http://{address}:{self.ports[address]}/{kind}/{number}.jpg"

    def counts(self) -> dict[str, Any]:
        """What was seen so far.

        Returns:
            `hosts`, of each address: requests by path, connections, at_once (the most requests under way;
            one that its client gave up may count a little longer), span (seconds from the first request to
            the last); `cpu_seconds` of the server.
        """
        address, port = next(iter(self.ports.items()))
        with urllib.request.urlopen(f"http://{address}:{port}{COUNTS_PATH}") as answer:
            told: dict[str, Any] = json.load(answer)
        return told


@contextmanager
def fault_server(hosts: Sequence[str] = (*HOSTS, DOWN)) -> Iterator[Running]:
    """A server in a process of its own, which ends with the block, and with whoever started it.

    Raises:
        TrainingError: It did not start, as where 127.0.0.2 is no address of this machine.
    """
    command = [sys.executable, "-m", __spec__.name, *hosts]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            if not told:
                raise TrainingError(f"a fault server must start; it ended with status {process.wait()}")
            yield Running(**json.loads(told))
        finally:
            process.kill()


async def _serve(hosts: Sequence[str]) -> None:
    """Serve until standard input ends; the ports are printed."""
    server = FaultServer()
    server.traps = {address: await server.listen(address) for address in TRAPS}
    ports = {address: await server.listen(address) for address in hosts}
    print(json.dumps({"ports": ports, "traps": server.traps}), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
