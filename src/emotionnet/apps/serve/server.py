"""The process: no request or silence without an end, and an end that leaves no request unanswered."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import threading
from asyncio import TimerHandle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.threads import one_product_thread

HEAD_BYTES = 2**16  # of a request: its first line and its headers
HEAD_SECONDS = 30.0  # from the connection, or the first byte, to the end of the head
IDLE_SECONDS = 30  # from an answer to the first byte of the next request, whatever else comes meanwhile
LINGER = 0.5  # seconds for requests that are on their way when the server is told to end
PATIENCE = 10  # seconds, besides those of a request


class _State(ServerState):
    ending = False


class BoundedProtocol(HttpToolsProtocol):
    """HTTP whose heads end, within limits of bytes and time, and whose silent connections end too.

    uvicorn bounds no head, and takes whatever comes behind an answer, such as the rest of a body that was
    refused, for a sign of life.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_bytes, self._in_head = 0, True
        self._late: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "too_large", f"a request's head must have at most {HEAD_BYTES:,} bytes")

    def on_message_begin(self) -> None:
        self._head_bytes, self._in_head = 0, True
        self._wait_for_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # behind the body: nobody reads these
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()
        if getattr(self.server_state, "ending", False):
            self.end_soon()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        is_idle = not self._in_head and self.cycle.response_complete  # else the next one is on its way
        if is_idle and not self.transport.is_closing():
            self._wait(IDLE_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self._refuse(400, "malformed", "the request must be HTTP/1.1; it cannot be read")

    def end_soon(self) -> None:
        """Close the connection behind the answer that is under way, where there is one."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def _wait_for_head(self) -> None:
        self._wait(HEAD_SECONDS, self._refuse, 408, "too_slow", "the request's head must arrive sooner")

    def _wait(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        self._stop_waiting()
        self._late = self.loop.call_later(seconds, action, *arguments)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class CalmServer(Server):
    """A server that, when it ends, answers what has come, and what is on its way on open connections.

    Args:
        config: uvicorn's.
        started: Called when requests are answered.
    """

    def __init__(self, config: Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self.server_state = self._state = _State()
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._state.ending = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.end_soon()
        await asyncio.sleep(LINGER)
        await super().shutdown(sockets)


def run_app(app: FastAPI, listening: socket.socket, limits: Limits, started: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT.

    Args:
        app: What answers.
        listening: Bound to its address.
        limits: How long a request may take.
        started: Called when requests are answered.
    """
    config = Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(limits.body_seconds + limits.request_seconds) + PATIENCE,
    )
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells of each malformed form
    with one_product_thread(), _calm_signals():
        CalmServer(config, started).run(sockets=[listening])


@contextmanager
def _calm_signals() -> Iterator[None]:
    """A signal ends the server, and not the process after it: uvicorn sends itself each once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, _heard) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _heard(_number: int, _frame: FrameType | None) -> None:
    """It was acted on."""
